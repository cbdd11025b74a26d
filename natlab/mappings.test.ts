import { expect, test } from 'vitest';
import { mappingSentences, readMappings } from './mappings.ts';

const TABLE = `udp      17 28 src=10.0.1.2 dst=11.0.0.9 sport=50287 dport=53 [UNREPLIED] src=11.0.0.9 dst=11.0.1.1 sport=53 dport=50287 mark=0 use=1
tcp      6 431999 ESTABLISHED src=10.0.1.2 dst=11.0.0.1 sport=46306 dport=8080 src=11.0.0.1 dst=11.0.1.1 sport=8080 dport=46306 [ASSURED] mark=0 use=1
icmp     1 29 src=10.0.1.2 dst=11.0.0.1 type=8 code=0 id=5 src=11.0.0.1 dst=11.0.1.1 type=0 code=0 id=5 mark=0 use=1
udp      17 110 src=10.0.1.2 dst=11.0.2.1 sport=39005 dport=58282 src=11.0.2.1 dst=11.0.1.1 sport=58282 dport=40001 [ASSURED] mark=0 use=1
udp      17 20 src=2001:db8:1::2 dst=2001:db8::1 sport=7 dport=3478 src=2001:db8::1 dst=2001:db8:1::2 sport=3478 dport=7 mark=0 use=1
`;

test("a router's table, as conntrack prints it, in words", () => {
  expect(mappingSentences(readMappings(TABLE))).toEqual([
    'UDP: 10.0.1.2:39005 goes out as 11.0.1.1:40001 to 11.0.2.1:58282; remembered for 110 s',
    'UDP: 10.0.1.2:50287 goes out as 11.0.1.1:50287 to 11.0.0.9:53, has not answered; remembered for 28 s',
    'UDP: [2001:db8:1::2]:7 to [2001:db8::1]:3478; remembered for 20 s',
    'TCP: 10.0.1.2:46306 goes out as 11.0.1.1:46306 to 11.0.0.1:8080; remembered for 431999 s',
  ]);
});

test('an empty table and lines that are none', () => {
  expect(readMappings('')).toEqual([]);
  expect(readMappings('conntrack v1.4.8 (conntrack-tools): 3 flow entries\nudp 17 x src=1 dst=2\n')).toEqual(
    [],
  );
});
