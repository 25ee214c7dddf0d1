/** MONITOR beside redis-server: every byte monitors and monitored receive, but for times and ports. */
import { test } from 'vitest'
import { scene } from './scene.ts'
import { compat } from './suite.ts'

/** Times and ports of the lines; of a CLIENT LIST line the flags. */
const masked = (text: string): string =>
  text
    .replaceAll(/\d{10}\.\d{6} /g, 'TIME ')
    .replaceAll(/127\.0\.0\.1:\d+\]/g, 'ADDRESS]')
    .replaceAll(/[$=]\d+\r\n(?:txt:)?id=.*?(flags=\S+).*?\r\n/gs, '$1\r\n')

const SCENES: Readonly<Record<string, readonly string[]>> = {
  'what is shown and what is not': [
    'm: MONITOR',
    'm: MONITOR ; PING',
    'b: SET k v',
    'b: get k',
    'b: SELECT 3',
    'b: PING ; SELECT 0 ; ECHO 123',
    'b: CONFIG GET hz',
    'b: CLIENT NO-EVICT OFF',
    'b: OBJECT ENCODING k ; COMMAND COUNT x ; NOSUCH ; GET ; GET a b c',
    'b: LPUSH k x ; INCR n ; INCRBYFLOAT n 1.5 ; SET k v EX 10 ; SETEX k 10 v ; GETEX k PERSIST',
    'b: PUBLISH a b ; SUBSCRIBE x ; UNSUBSCRIBE x',
    'b: DEBUG SLEEP 0',
    'b: DEBUG JMAP',
    'b: RESET',
    'b: QUIT',
  ],
  'bytes are quoted': [
    'm: MONITOR',
    'b: SET k "a\\x00\\x01\\x07\\b\\t\\n\\r\\"\\\\\\x7f\\x80\\xff\'z ~!"',
    'b: SET "" ""',
    'b: ECHO "*1\\r\\n+x\\r\\n"',
    `b: SET k ${'x'.repeat(20_000)}`,
  ],
  // Redis shows those of requests that it refuses for their form; ours does not (test/commands/monitor.test.ts).
  'passwords are not shown': [
    'm: MONITOR',
    'b: AUTH x',
    'b: AUTH default x',
    'b: HELLO 3 AUTH default x SETNAME foo ; CLIENT SETNAME drained-b',
    'b: HELLO 2 SETNAME drained-b AUTH default y',
  ],
  transactions: [
    'm: MONITOR',
    'b: MULTI',
    'b: SET k 1',
    'b: PING',
    'b: EXEC',
    'b: MULTI ; SET k 1 ; NOSUCH ; EXEC',
    'b: MULTI ; PING ; DISCARD',
    'b: WATCH k ; UNWATCH',
    'b: WATCH k ; SET k 2 ; MULTI ; PING ; EXEC',
    'b: MULTI ; SELECT 2 ; SET k 1 ; SELECT 0 ; EXEC',
    'b: MULTI ; MONITOR ; CONFIG GET hz ; EXEC',
  ],
  'a monitor keeps off the keyspace': [
    'm: MONITOR',
    'm: PING',
    'm: GET k',
    'm: SET k 1',
    'm: PUBLISH a b',
    'm: FLUSHALL',
    'm: DBSIZE',
    'm: ECHO x ; SELECT 3',
    'm: MULTI ; PING ; EXEC',
    'm: MULTI ; PING ; GET k ; EXEC',
    'm: WATCH k',
    'b: SET k 1',
    'm: RESET',
    'b: PING',
    'm: GET k',
  ],
  'RESP3, messages and flags': [
    'm: HELLO 3',
    'm: CLIENT TRACKING ON BCAST',
    'm: MONITOR',
    'b: SET k 1',
    'b: CLIENT LIST ID @m',
    'm: SUBSCRIBE foo',
    'b: PUBLISH foo 1',
    'b: CLIENT LIST TYPE pubsub',
    'm: CLIENT REPLY OFF ; PING ; CLIENT REPLY ON ; PING',
    'm: QUIT',
    'b: PING',
  ],
  'two monitors, who see each other': [
    'm: MONITOR',
    'n: MONITOR',
    'b: PING',
    'm: PING',
    'n: RESET',
    'b: PING',
    'm: QUIT',
    'b: PING',
  ],
}

compat('monitor', ({ pair }) => {
  test.each(Object.entries(SCENES))('%s', async (_, lines) => {
    await scene(pair(), lines, masked)
  })
})
