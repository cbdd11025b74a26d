/*
 * linkem: a long link between two network interfaces, in user space, for kernels without netem.
 *
 *   linkem IF_A IF_B SEED "a->b SETTINGS" "b->a SETTINGS"
 *   SETTINGS: delay MS jitter MS rate MBIT queue KIB loss PERCENT reorder PERCENT
 *
 * It moves Ethernet frames of every kind (ARP and IPv6 neighbour discovery as well) between two
 * interfaces of the network namespace that it runs in. What each direction does to a frame, in this order:
 *
 *   loss     The frame is dropped with this probability, independently of all others.
 *   rate     A bottleneck sends the frames one after the other at this rate of bits per second, counting
 *            the Ethernet header and no preamble or checksum. 0: no bottleneck, and no queue.
 *   queue    The bottleneck's drop-tail buffer: a frame that does not fit behind the bytes which are still
 *            to be sent is dropped.
 *   reorder  With this probability the frame that leaves the bottleneck skips delay and jitter, and so
 *            overtakes all those that left within the last delay. It skips neither rate nor queue.
 *   delay    The time from the bottleneck to the other interface.
 *   jitter   Up to this much more or less delay, evenly distributed. Jitter reorders nothing: a frame that
 *            would arrive before the one ahead of it arrives right behind it. So does a frame sent after
 *            the delay was lowered.
 *
 * Each direction draws three numbers per frame from a random stream of its own, whatever its settings:
 * the same SEED and the same frames give the same losses, whatever the other direction carries.
 *
 * It prints `ready` when both interfaces are open. Then each line on stdin is answered by one on stdout:
 *
 *   a->b SETTINGS   all six, from now on; bytes waiting at the bottleneck go at the new rate: `ok` or `error …`
 *   counters        one line of JSON, by direction:
 *     frames, bytes  arrived here: what is under way and
 *       delivered      sent on
 *       lost           dropped by `loss`
 *       queueDrops     dropped by `queue`
 *       oversize       dropped, as longer than the MTU (see below)
 *       unwhole        dropped, as checksum or VLAN tag are not in the frame (see below)
 *       full           dropped, as too much is under way for the memory set aside
 *       unsent         refused by the interface ahead: it is down or gone
 *     reordered      those of them that skipped the delay
 *     missed         came too fast for this process, and are in none of the others
 *
 * The end of stdin ends it, after a last line of counters: nothing stays behind when its owner dies.
 *
 * On the far ends of both interfaces: `ethtool -K DEV tx off tso off gso off gro off`. Else segments larger
 * than the MTU arrive (`oversize`), and frames whose checksum the sender left to hardware, which would be
 * wrong on the other side: these are dropped and counted (`unwhole`) as are VLAN-tagged frames, whose tag
 * the kernel keeps outside of the frame. In this namespace the interfaces have no addresses, IPv6 is
 * disabled (`net.ipv6.conf.all.disable_ipv6=1`), or its kernel speaks on the link too.
 *
 * It needs CAP_NET_RAW in the namespace's owner, so runs under `unshare -Urn` as well as for root. Received
 * frames wait in a ring shared with the kernel, whose size is subject to no socket buffer limit.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  ARRIVED_BYTES = 8 << 20,    /* ring of arrived frames per interface: 80 ms at 500 Mbit/s */
  ARRIVED_BLOCK = 1 << 18,    /* what the kernel allocates at once; holds a frame of any MTU */
  HEADROOM_BYTES = 64,        /* what the kernel may leave free before a frame */
  UNDER_WAY_BYTES = 128 << 20, /* frames under way per direction: 4 s at 200 Mbit/s; pages never used cost nothing */
  BATCH = 64,                 /* frames per system call */
  ROUND_NS = 100000,          /* rounds begin at most this often: bounds CPU, and adds at most this delay */
  RETRY_ROUNDS = 20,          /* a busy interface gets this many rounds; then what is due for it is lost */
  LINE_BYTES = 512,
};

enum setting { DELAY, JITTER, RATE, QUEUE, LOSS, REORDER, SETTINGS };

static const struct { const char *word, *unit; double low, high; } GRAMMAR[SETTINGS] = {
  [DELAY] = { "delay", "ms", 0, 10000 },  [JITTER] = { "jitter", "ms", 0, 10000 },
  [RATE] = { "rate", "Mbit/s", 0, 100000 }, [QUEUE] = { "queue", "KiB", 2, 65536 },
  [LOSS] = { "loss", "percent", 0, 100 }, [REORDER] = { "reorder", "percent", 0, 100 },
};

struct interface {
  const char *name;
  int fd;
  uint32_t max_frame;                     /* the MTU and an Ethernet header */
  uint8_t *arrived;                       /* the kernel's ring: frame after frame, at fixed steps */
  uint32_t step, steps, at;
};

/* Leaves the bottleneck when `sent` and this process when `due` (ns), unless the frame ahead of it is due later. */
struct frame { uint64_t sent, due; uint32_t slot, bytes; };

struct line { struct frame *ring; uint32_t head, tail, failed_rounds; }; /* first in, first out: nothing overtakes */

struct direction {
  const char *name;
  struct interface *in, *out;
  double set[SETTINGS];
  uint64_t random;
  uint64_t link_free;                     /* when the bottleneck will have sent all that waits, ns */
  struct line delayed, overtaking;
  uint8_t *slots;                         /* one frame each; the last freed is the next used, so few are touched */
  uint32_t slot_bytes, slot_count, *free, free_count;
  uint64_t frames, bytes, delivered, lost, queue_drops, reordered, oversize, unwhole, full, unsent, missed;
};

static struct interface interfaces[2];
static struct direction directions[2] = {
  { .name = "a->b", .in = &interfaces[0], .out = &interfaces[1] },
  { .name = "b->a", .in = &interfaces[1], .out = &interfaces[0] },
};

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("linkem: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  exit(2);
}

static uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static uint64_t later(uint64_t a, uint64_t b) { return a > b ? a : b; }

/* splitmix64, in [0, 1): any seed will do, and neighbouring ones are unlike. */
static double draw(struct direction *d) {
  uint64_t z = d->random += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return (double)((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

/* ---- interfaces ---- */

static void open_interface(struct interface *i, const char *name) {
  struct ifreq request = { 0 };
  if (strlen(name) >= sizeof request.ifr_name) fail("no interface has a name as long as \"%s\"", name);
  strcpy(request.ifr_name, name);
  i->name = name;
  /* Protocol 0: nothing arrives, from any interface, before bind() says from which. */
  i->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (i->fd < 0) fail("no packet socket: %s (needs root, or `unshare -Urn`)", strerror(errno));
  if (ioctl(i->fd, SIOCGIFHWADDR, &request) < 0) fail("no interface \"%s\" in this network namespace", name);
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) fail("interface \"%s\" does not speak Ethernet", name);
  if (ioctl(i->fd, SIOCGIFMTU, &request) < 0) fail("the MTU of %s: %s", name, strerror(errno));
  i->max_frame = (uint32_t)request.ifr_mtu + ETH_HLEN;

  int version = TPACKET_V2, on = 1;
  /* A power of two fills blocks without a rest, so that frames are at fixed steps over all of the ring. */
  for (i->step = 256; i->step < TPACKET2_HDRLEN + HEADROOM_BYTES + i->max_frame;) i->step *= 2;
  i->steps = ARRIVED_BYTES / i->step;
  struct tpacket_req ring = {
    .tp_block_size = ARRIVED_BLOCK, .tp_block_nr = ARRIVED_BYTES / ARRIVED_BLOCK,
    .tp_frame_size = i->step, .tp_frame_nr = i->steps,
  };
  struct sockaddr_ll address = {
    .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(name),
  };
  struct packet_mreq promiscuous = { .mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC };
  if (setsockopt(i->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0 ||
      setsockopt(i->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
      setsockopt(i->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) < 0 ||
      setsockopt(i->fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) < 0 ||
      setsockopt(i->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) < 0)
    fail("the packet socket of %s: %s", name, strerror(errno));
  i->arrived = mmap(NULL, ARRIVED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, i->fd, 0);
  if (i->arrived == MAP_FAILED) fail("the packet ring of %s: %s", name, strerror(errno));
  if (bind(i->fd, (struct sockaddr *)&address, sizeof address) < 0) fail("%s: %s", name, strerror(errno));
}

static void make_room(struct direction *d) {
  d->slot_bytes = (uint32_t)((d->in->max_frame + 63) / 64 * 64);
  /* A power of two, so that a line's indices may wrap around. */
  for (d->slot_count = 1; d->slot_count * 2 <= UNDER_WAY_BYTES / d->slot_bytes;) d->slot_count *= 2;
  d->slots = mmap(NULL, UNDER_WAY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  d->free = malloc(d->slot_count * sizeof *d->free);
  d->delayed.ring = calloc(d->slot_count, sizeof(struct frame));
  d->overtaking.ring = calloc(d->slot_count, sizeof(struct frame));
  if (d->slots == MAP_FAILED || !d->free || !d->delayed.ring || !d->overtaking.ring) fail("out of memory");
  while (d->free_count < d->slot_count) {
    d->free[d->free_count] = d->slot_count - 1 - d->free_count;
    d->free_count++;
  }
}

/* ---- frames ---- */

static struct frame *frame_at(struct direction *d, struct line *line, uint32_t index) {
  return &line->ring[index % d->slot_count];
}

static void take_frame(struct direction *d, const uint8_t *data, uint32_t bytes, uint32_t status, uint64_t arrived) {
  double chance_of_loss = draw(d), chance_of_reorder = draw(d), jitter = (2 * draw(d) - 1) * d->set[JITTER];
  d->frames++;
  d->bytes += bytes;
  if (bytes > d->out->max_frame || bytes > d->in->max_frame) { d->oversize++; return; }
  if (status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_VLAN_VALID)) { d->unwhole++; return; }
  if (chance_of_loss < d->set[LOSS] / 100) { d->lost++; return; }
  if (d->free_count == 0) { d->full++; return; }
  struct frame frame = { .sent = arrived, .bytes = bytes };
  if (d->set[RATE] > 0) {
    double bits_per_ns = d->set[RATE] / 1000;
    uint64_t start = later(d->link_free, arrived);
    double waiting = (double)(start - arrived) * bits_per_ns / 8;
    if (waiting + bytes > d->set[QUEUE] * 1024) { d->queue_drops++; return; }
    frame.sent = d->link_free = start + (uint64_t)(bytes * 8 / bits_per_ns);
  }
  bool overtakes = chance_of_reorder < d->set[REORDER] / 100;
  struct line *line = overtakes ? &d->overtaking : &d->delayed;
  d->reordered += overtakes;
  uint64_t delay = overtakes ? 0 : (uint64_t)((d->set[DELAY] + jitter) * 1e6);
  frame.due = frame.sent + delay;
  frame.slot = d->free[--d->free_count];
  memcpy(d->slots + (size_t)frame.slot * d->slot_bytes, data, bytes);
  *frame_at(d, line, line->tail++) = frame;
}

static void take_in(struct direction *d) {
  struct interface *in = d->in;
  uint64_t now = clock_ns(CLOCK_MONOTONIC), wall = clock_ns(CLOCK_REALTIME);
  /* At most one turn of the ring, so that a flood cannot keep what is due from going out. */
  for (uint32_t taken = 0; taken < in->steps; taken++) {
    struct tpacket2_hdr *header = (void *)(in->arrived + (size_t)in->at * in->step);
    uint32_t status = __atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE);
    if (!(status & TP_STATUS_USER)) return;
    /* The kernel's time of arrival, not that of this round: being late must not add to the delay. */
    uint64_t age = wall - ((uint64_t)header->tp_sec * 1000000000 + header->tp_nsec);
    take_frame(d, (uint8_t *)header + header->tp_mac, header->tp_len, status, age < now ? now - age : now);
    __atomic_store_n(&header->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    in->at = (in->at + 1) % in->steps;
  }
}

static void forget_first(struct direction *d, struct line *line, uint64_t *count) {
  d->free[d->free_count++] = frame_at(d, line, line->head++)->slot;
  ++*count;
}

static void give_out(struct direction *d, struct line *line) {
  static struct mmsghdr messages[BATCH];
  static struct iovec parts[BATCH];
  uint64_t now = clock_ns(CLOCK_MONOTONIC);
  for (;;) {
    uint32_t count = 0;
    for (; count < BATCH && line->head + count != line->tail; count++) {
      struct frame *f = frame_at(d, line, line->head + count);
      if (f->due > now) break;
      parts[count] = (struct iovec){ d->slots + (size_t)f->slot * d->slot_bytes, f->bytes };
      messages[count].msg_hdr = (struct msghdr){ .msg_iov = &parts[count], .msg_iovlen = 1 };
    }
    if (count == 0) return;
    int sent = sendmmsg(d->out->fd, messages, count, 0);
    if (sent > 0) {
      for (int k = 0; k < sent; k++) forget_first(d, line, &d->delivered);
      line->failed_rounds = 0;
    } else if ((errno == EAGAIN || errno == ENOBUFS) && line->failed_rounds < RETRY_ROUNDS) {
      line->failed_rounds++;
      return;
    } else {
      forget_first(d, line, &d->unsent);
    }
  }
}

/* ---- settings and counters ---- */

/* Bytes that wait at the bottleneck go at the new rate; all others keep their times. */
static void change_rate(struct direction *d, double rate) {
  uint64_t now = clock_ns(CLOCK_MONOTONIC);
  if (d->link_free <= now || rate == d->set[RATE]) return;
  double stretch = rate > 0 ? d->set[RATE] / rate : 0;
  struct line *lines[] = { &d->delayed, &d->overtaking };
  for (int l = 0; l < 2; l++) {
    for (uint32_t i = lines[l]->head; i != lines[l]->tail; i++) {
      struct frame *f = frame_at(d, lines[l], i);
      if (f->sent <= now) continue;
      uint64_t sent = now + (uint64_t)((double)(f->sent - now) * stretch);
      f->due = f->due - f->sent + sent;
      f->sent = sent;
    }
  }
  d->link_free = now + (uint64_t)((double)(d->link_free - now) * stretch);
}

/* Digits with at most one point, as no sign, exponent, hexadecimal, infinity or NaN belongs here. */
static bool parse_number(const char *word, double *value) {
  size_t digits = strspn(word, "0123456789");
  size_t fraction = word[digits] == '.' ? 1 + strspn(word + digits + 1, "0123456789") : 0;
  if (digits == 0 || fraction == 1 || word[digits + fraction] != '\0') return false;
  *value = strtod(word, NULL);
  return true;
}

static char complaint[LINE_BYTES + 128];

__attribute__((format(printf, 1, 2))) static bool refuse(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(complaint, sizeof complaint, format, arguments);
  va_end(arguments);
  return false;
}

/* Sets one direction from a line; or changes nothing and says in `complaint` what is wrong with the line. */
static bool parse_settings(char *line) {
  char *rest = line, *name = strsep(&rest, " ");
  struct direction *d = NULL;
  for (int i = 0; i < 2; i++) if (!strcmp(name, directions[i].name)) d = &directions[i];
  if (!d) return refuse("expected a->b, b->a or counters, not \"%s\"", name);
  double value[SETTINGS];
  for (int s = 0; s < SETTINGS; s++) {
    const char *word = strsep(&rest, " ");
    if (!word || strcmp(word, GRAMMAR[s].word))
      return refuse("expected \"%s\", not \"%s\"", GRAMMAR[s].word, word ? word : "");
    const char *number = strsep(&rest, " ");
    if (!number || !parse_number(number, &value[s]) || value[s] < GRAMMAR[s].low || value[s] > GRAMMAR[s].high)
      return refuse("%s must be %g to %g %s, not \"%s\"", GRAMMAR[s].word, GRAMMAR[s].low, GRAMMAR[s].high,
                    GRAMMAR[s].unit, number ? number : "");
  }
  const char *wrong = rest                                          ? "more words than settings"
                      : value[JITTER] > value[DELAY]                ? "jitter must not exceed delay"
                      : value[REORDER] > 0 && value[DELAY] == 0     ? "reorder needs a delay to skip"
                      : value[RATE] > 0 && value[RATE] < 0.001      ? "rate must be 0 (none) or at least 0.001 Mbit/s"
                                                                    : NULL;
  if (wrong) return refuse("%s", wrong);
  change_rate(d, value[RATE]);
  memcpy(d->set, value, sizeof value);
  return true;
}

static void print_counters(void) {
  for (int i = 0; i < 2; i++) {
    struct direction *d = &directions[i];
    struct tpacket_stats kernel = { 0 };
    socklen_t size = sizeof kernel;
    /* Reading them sets the kernel's to 0. */
    if (getsockopt(d->in->fd, SOL_PACKET, PACKET_STATISTICS, &kernel, &size) == 0) d->missed += kernel.tp_drops;
    const struct { const char *name; uint64_t value; } counters[] = {
      { "frames", d->frames }, { "bytes", d->bytes }, { "delivered", d->delivered }, { "lost", d->lost },
      { "queueDrops", d->queue_drops }, { "reordered", d->reordered }, { "oversize", d->oversize },
      { "unwhole", d->unwhole }, { "full", d->full }, { "unsent", d->unsent }, { "missed", d->missed },
    };
    printf("%s\"%s\":{", i ? "," : "{", d->name);
    for (size_t c = 0; c < sizeof counters / sizeof *counters; c++)
      printf("%s\"%s\":%llu", c ? "," : "", counters[c].name, (unsigned long long)counters[c].value);
    printf("}");
  }
  puts("}");
}

static void answer(char *line) {
  if (!strcmp(line, "counters")) print_counters();
  else if (parse_settings(line)) puts("ok");
  else printf("error %s\n", complaint);
  fflush(stdout);
}

/* Answers all whole lines that have come. @return false at the end of stdin */
static bool hear_owner(void) {
  static char heard[LINE_BYTES];
  static size_t length;
  ssize_t n = read(STDIN_FILENO, heard + length, sizeof heard - length);
  if (n <= 0) return n < 0 && errno == EINTR;
  length += (size_t)n;
  for (char *end; (end = memchr(heard, '\n', length)) != NULL;) {
    *end = '\0';
    answer(heard);
    length -= (size_t)(end + 1 - heard);
    memmove(heard, end + 1, length);
  }
  if (length == sizeof heard) fail("a line of more than %d bytes on stdin", LINE_BYTES);
  return true;
}

/* ---- */

static uint64_t next_due(void) {
  uint64_t next = UINT64_MAX;
  for (int i = 0; i < 2; i++) {
    struct line *lines[] = { &directions[i].delayed, &directions[i].overtaking };
    for (int l = 0; l < 2; l++) {
      if (lines[l]->head == lines[l]->tail) continue;
      uint64_t due = frame_at(&directions[i], lines[l], lines[l]->head)->due;
      if (due < next) next = due;
    }
  }
  return next;
}

static void run(void) {
  uint64_t round = 0;
  for (;;) {
    uint64_t now = clock_ns(CLOCK_MONOTONIC), due = next_due(), wait = due > now ? due - now : 0;
    struct timespec timeout = { (time_t)(wait / 1000000000), (long)(wait % 1000000000) };
    struct pollfd sources[] = {
      { STDIN_FILENO, POLLIN, 0 }, { interfaces[0].fd, POLLIN, 0 }, { interfaces[1].fd, POLLIN, 0 },
    };
    ppoll(sources, 3, due == UINT64_MAX ? NULL : &timeout, NULL);
    for (int i = 0; i < 2; i++) {
      int error;
      socklen_t size = sizeof error;
      /* The interface went down; it may come up again. Reading the error clears it, or poll would not wait. */
      if (sources[i + 1].revents & POLLERR) getsockopt(interfaces[i].fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    uint64_t since = clock_ns(CLOCK_MONOTONIC) - round;
    if (since < ROUND_NS) nanosleep(&(struct timespec){ 0, (long)(ROUND_NS - since) }, NULL);
    round = clock_ns(CLOCK_MONOTONIC);
    /* What has arrived before a change or a question is subject to the old settings and is counted. */
    for (int i = 0; i < 2; i++) take_in(&directions[i]);
    if (sources[0].revents && !hear_owner()) return;
    for (int i = 0; i < 2; i++) {
      give_out(&directions[i], &directions[i].overtaking);
      give_out(&directions[i], &directions[i].delayed);
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 6) fail("usage: linkem IF_A IF_B SEED \"a->b SETTINGS\" \"b->a SETTINGS\"");
  double seed;
  if (!parse_number(argv[3], &seed) || seed > UINT32_MAX || seed != (uint32_t)seed)
    fail("SEED must be a whole number of 0 to %u, not \"%s\"", UINT32_MAX, argv[3]);
  if (!strcmp(argv[1], argv[2])) fail("a link needs two interfaces, not \"%s\" twice", argv[1]);
  for (int i = 0; i < 2; i++) {
    if (strncmp(argv[4 + i], directions[i].name, 4)) fail("expected settings of %s, not \"%s\"", directions[i].name, argv[4 + i]);
    if (!parse_settings(argv[4 + i])) fail("%s: %s", directions[i].name, complaint);
    directions[i].random = (uint64_t)seed << 1 | (uint64_t)i;
  }
  for (int i = 0; i < 2; i++) open_interface(&interfaces[i], argv[1 + i]);
  for (int i = 0; i < 2; i++) make_room(&directions[i]);
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);   /* else every wait is up to 50 µs too long */
  puts("ready");
  fflush(stdout);
  run();
  print_counters();
  return 0;
}
