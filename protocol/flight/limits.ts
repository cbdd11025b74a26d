/** Bounds of what is in flight and of how many lanes there are: the unit in the name, the reason beside it. */

/** A frame, until some were seen. */
export const FIRST_FRAME_BYTES = 32 * 1024;

/** The largest of so many frames counts as the size of a frame: a file's short last one does not. */
export const FRAMES_COMPARED = 32;

/** Frames that a lane may always have: one in its window, one behind it, so that the window is used and grows. */
export const LANE_FRAMES = 2;

/** The same while nothing queues: what a lane resends holds back what came after it, and a window never full does not grow. */
export const ROOMY_LANE_FRAMES = 4;

/** Windows, of what a lane delivers in a round trip, that it may have: one on its way, as much again to grow. */
export const LANE_WINDOWS = 2;

/** What waits in a lane that tells it lasts so long: event loops take turns of 5 to 20 ms. */
export const LANE_QUEUE_MS = 20;

/** Frames of a lane that are granted beyond the model: one that has half arrived is not reported yet. Simulated: more is queue. */
export const UNREPORTED_FRAMES = 0.25;

/** A round lasts so long at least: event loops take turns of 5 to 20 ms, and shorter rounds would measure those. */
export const MIN_ROUND_MS = 20;

/** What may be in flight lasts so long at least: threads of near machines answer each other no sooner when they are busy. */
export const MIN_IN_FLIGHT_MS = 10;

/** The same over a stream that the system steers: what it has too much waits in the system, which overruns no queue by it. */
export const MIN_STREAM_IN_FLIGHT_MS = 50;

/** Rounds among which the highest delivery rate is the network's. BBR's filter. */
export const RATE_ROUNDS = 10;

/** The same while every round trip is long: what was there before is gone, and what is sent for it only queues. */
export const CROWDED_RATE_ROUNDS = 3;

/** Growth of the delivery rate from round to round that start-up goes on for, and rounds without it. BBR's numbers. */
export const START_GROWTH = 1.25;
export const START_ROUNDS_WITHOUT_GROWTH = 3;

/** Start-up ends in mid-round when so many reports, and two more for each lane, were late by a quarter or 8 ms. */
export const LATE_REPORTS = 2;
export const LATE_REPORTS_PER_LANE = 2;
export const LATE_FACTOR = 1.25;
export const LATE_MS = 8;

/** What may be in flight, in products of rate and round trip: while starting, steady, probing, probing with success, draining. */
export const START_GAIN = 2;
export const STEADY_GAIN = 1;
export const PROBE_GAIN = 1.2;
export const GROWING_GAIN = 1.5;
export const DRAIN_GAIN = 0.5;

/** Steady rounds between two probes; fewer after start-up, which jitter may have ended too soon. */
export const STEADY_ROUNDS = 6;
export const FIRST_STEADY_ROUNDS = 2;

/** Rounds of a probe: one to fill the network, one to see what came of it. */
export const PROBE_ROUNDS = 2;

/** A probe that found so much more is followed by another. */
export const PROBE_GROWTH = 1.07;

/** Rounds of draining: one to empty the queue, one to measure. */
export const DRAIN_ROUNDS = 2;

/** How old the smallest round trip may be before it is measured anew. BBR's number. */
export const MIN_RTT_AGE_MS = 10_000;

/** The same while the network is crowded, for then the round trip itself may have grown: another path, another flow. */
export const CROWDED_MIN_RTT_AGE_MS = 2500;

/** Crowded: so many rounds in a row without a round trip below so many smallest ones. */
export const CROWDED_ROUNDS = 5;
export const CROWDED_FACTOR = 1.5;

/** A round trip so near the smallest confirms it. */
export const SAME_RTT_FACTOR = 1.05;

/** Reports that a busy event loop delays are made up for to this extent. */
export const MAX_SLACK_MS = 50;

/** A lane's own rate is measured over so long at least. */
export const MIN_LANE_SAMPLE_MS = 20;

/** A lane is stalled when its oldest frame is out for so long and so many round trips: SCTP's time-out is 1 s or more. */
export const STALLED_MS = 500;
export const STALLED_ROUND_TRIPS = 4;

/** Lanes after a step up, of those before it; half of that where twice as many frames would queue for over a second. */
export const LANE_STEP = 4;
export const SLOW_LANE_STEP = 2;
export const LANE_STEP_BYTES = 64 * 1024;

/** More lanes pay when what they deliver grows with their number to this power: by 1.7 for four times as many, 1.3 for twice. */
export const LANES_PAY_POWER = 0.4;

/** Fewer lanes do when they deliver so much of what the more did. */
export const FEWER_LANES_DO = 0.95;

/** New lanes are weighed when they have stood for so long and so many round trips: windows have grown, and lost. */
export const LANES_SETTLE_MS = 300;
export const LANES_SETTLE_ROUND_TRIPS = 6;

/** The first ones, again and again until they grow no more. */
export const FIRST_LANES_WEIGH_MS = 300;
export const FIRST_LANES_WEIGH_ROUND_TRIPS = 6;

/** And over so long. */
export const LANES_WEIGH_MS = 800;
export const LANES_WEIGH_ROUND_TRIPS = 8;

/** A trial that seems to fail is weighed for as long again so often, for loss comes in fits. */
export const LANES_DOUBTS = 2;

/** While no trial is on, over so many times that: loss comes in fits, and a trial for nothing costs. */
export const LANES_REST_WEIGHS = 4;

/** The first lane is judged when it delivers no longer so much more than a while before. */
export const LANES_STILL_GROW = 1.1;

/** Lanes that do not stand after so long are done without. */
export const LANES_CONNECT_MS = 5000;

/** After more lanes seemed to pay, whether fewer do as well is tried so soon. */
export const LANES_CONFIRM_MS = 4000;

/** After a trial that did not pay, the next is due so much later, each time twice as much. */
export const LANES_REST_MS = 60_000;
export const MAX_LANES_REST_MS = 960_000;

/** Unless the rate has changed by this factor, and so long has passed. */
export const LINK_CHANGED_FACTOR = 2;
export const LANES_CHANGE_REST_MS = 5000;

/** A lane so fast, or with so many frames, over so short a round trip is held up by the machines: more of them are not tried. */
export const FAST_LANE_BYTES_PER_SECOND = 10_000_000;
export const FAST_LANE_FRAMES_PER_SECOND = 1000;
export const FAST_LANE_RTT_MS = 5;
