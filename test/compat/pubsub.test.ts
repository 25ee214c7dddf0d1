/** Pub/sub beside redis-server: what every one of several clients receives, byte for byte and in order. */
import {
  arranged,
  differs,
  drain,
  frames,
  masked,
  on,
  raw,
  read,
  type Step,
  unordered,
  wait,
} from './steps.ts'
import { compat } from './suite.ts'

/** Redis keeps names in hash tables: frames are compared as a set, without the counts at their ends. */
function anyOrder(step: Step): Step {
  return arranged(step, sortedFrames, 'hash order')
}

function sortedFrames(frames: Buffer[]): Buffer[] {
  const texts = frames.map((frame) => frame.toString('latin1').replace(/:\d+\r\n$/, ':N\r\n'))
  return texts.sort().map((text) => Buffer.from(text, 'latin1'))
}

const names = (count: number): string => Array.from({ length: count }, (_, i) => `c${i}`).join(' ')

compat('pubsub', ({ script }) => {
  script('channels: three clients', [
    frames(2, on('a', 'SUBSCRIBE x y')),
    on('a', 'SUBSCRIBE x'),
    on('b', 'SUBSCRIBE y'),
    'PUBLISH x hello',
    'PUBLISH y "two words"',
    'PUBLISH z nobody',
    'PUBLISH X nobody',
    'PUBLISH x ""',
    drain('a'),
    drain('b'),
    on('a', 'UNSUBSCRIBE x'),
    'PUBLISH x gone',
    'PUBLISH y both',
    drain('a'),
    drain('b'),
    on('a', 'UNSUBSCRIBE y'),
    on('a', 'UNSUBSCRIBE y'),
    'PUBLISH y one',
    drain('a'),
    drain('b'),
    on('a', 'GET k'),
  ])

  script('channels are bytes', [
    frames(4, on('a', ['SUBSCRIBE', '', '\xff\x00\r\n', 'é', ' '])),
    ['PUBLISH', '', 'empty'],
    ['PUBLISH', '\xff\x00\r\n', '\x00\xfe'],
    ['PUBLISH', 'é', 'latin'],
    ['PUBLISH', Buffer.from('é'), 'utf8'],
    ['PUBLISH', ' ', '\r\n'],
    drain('a'),
    on('a', ['PSUBSCRIBE', '\xff*']),
    ['PUBLISH', '\xffy', 'm'],
    ['PUBLISH', '\xfey', 'm'],
    drain('a'),
  ])

  script('patterns', [
    on('a', 'PSUBSCRIBE news.*'),
    on('b', 'PSUBSCRIBE news.[a-c]'),
    on('c', 'SUBSCRIBE news.b'),
    'PUBLISH news.b 1',
    'PUBLISH news.d 2',
    'PUBLISH news. 3',
    'PUBLISH new 4',
    drain('a'),
    drain('b'),
    drain('c'),
    on('c', 'PSUBSCRIBE n?ws.[^x]'),
    'PUBLISH news.b 5',
    'PUBLISH news.x 6',
    drain('a'),
    drain('c'),
    on('a', 'PUNSUBSCRIBE nothing'),
    on('a', 'PUNSUBSCRIBE news.*'),
    'PUBLISH news.b 7',
    drain('a'),
    anyOrder(drain('c')),
    frames(4, on('d', ['PSUBSCRIBE', '*', '\\*', '[', ''])),
    ['PUBLISH', '*', '8'],
    anyOrder(drain('d')),
    ['PUBLISH', '', '9'],
    anyOrder(drain('d')),
    ['PUBLISH', '[', '10'],
    anyOrder(drain('d')),
  ])

  script('hostile patterns', [
    on('a', ['PSUBSCRIBE', `${'*a'.repeat(40)}b`]),
    on('b', ['PSUBSCRIBE', `${'[^b]*'.repeat(8)}!`]),
    ['PUBLISH', 'a'.repeat(60), 'm'],
    ['PUBLISH', `${'a'.repeat(60)}!`, 'm'],
    drain('a'),
    drain('b'),
  ])

  script('leaving everything', [
    on('a', 'UNSUBSCRIBE'),
    on('a', 'PUNSUBSCRIBE'),
    on('a', 'SUNSUBSCRIBE'),
    on('a', 'UNSUBSCRIBE x'),
    on('a', 'SUNSUBSCRIBE x'),
    frames(20, on('a', `SUBSCRIBE ${names(20)}`)),
    frames(3, on('a', 'PSUBSCRIBE p q* r')),
    frames(2, on('a', 'SSUBSCRIBE s t')),
    frames(3, on('a', 'UNSUBSCRIBE c3 nope c5')),
    anyOrder(frames(18, on('a', 'UNSUBSCRIBE'))),
    on('a', 'UNSUBSCRIBE'),
    frames(3, on('a', 'PUNSUBSCRIBE')),
    on('a', 'PUNSUBSCRIBE'),
    anyOrder(frames(2, on('a', 'SUNSUBSCRIBE'))),
    on('a', 'SUNSUBSCRIBE'),
    on('a', 'GET k'),
    'PUBSUB CHANNELS',
    'PUBSUB NUMPAT',
  ])

  script('subscribing inside a transaction', [
    'MULTI',
    'SSUBSCRIBE s t',
    'SUBSCRIBE b',
    'EXEC',
    'SPUBLISH s x',
    'PING',
    'UNSUBSCRIBE',
    'GET k',
  ])

  script('shard channels', [
    frames(2, on('a', 'SSUBSCRIBE x y')),
    on('b', 'SUBSCRIBE x'),
    on('b', 'SSUBSCRIBE x'),
    'SPUBLISH x shard',
    'PUBLISH x plain',
    'SPUBLISH z nobody',
    drain('a'),
    drain('b'),
    'PUBSUB SHARDNUMSUB x y z',
    'PUBSUB NUMSUB x y z',
    'PUBSUB SHARDCHANNELS x*',
    on('a', 'SUNSUBSCRIBE x'),
    'SPUBLISH x again',
    drain('a'),
    drain('b'),
  ])

  script('PUBSUB asks', [
    'PUBSUB CHANNELS',
    'PUBSUB NUMSUB',
    'PUBSUB NUMSUB x',
    'PUBSUB NUMPAT',
    'PUBSUB SHARDCHANNELS',
    'PUBSUB SHARDNUMSUB',
    frames(4, on('a', 'SUBSCRIBE x y news.1 news.2')),
    on('b', 'SUBSCRIBE x'),
    frames(2, on('b', 'PSUBSCRIBE p q')),
    on('a', 'PSUBSCRIBE p'),
    unordered('PUBSUB CHANNELS', 'hash order'),
    unordered('PUBSUB CHANNELS *', 'hash order'),
    unordered('PUBSUB CHANNELS news.*', 'hash order'),
    'PUBSUB CHANNELS NEWS.*',
    'PUBSUB CHANNELS [x]',
    'PUBSUB NUMSUB x y z x p',
    'PUBSUB NUMPAT',
    'pubsub numpat',
    'PUBSUB',
    'PUBSUB NOSUCH',
    'PUBSUB CHANNELS a b',
    'pubsub shardchannels a b',
    'PUBSUB NUMPAT a',
    'PUBSUB HELP',
    'PUBSUB HELP x',
  ])

  script('arity', [
    'SUBSCRIBE',
    'PSUBSCRIBE',
    'SSUBSCRIBE',
    'PUBLISH',
    'PUBLISH x',
    'PUBLISH x y z',
    'SPUBLISH x',
    'SPUBLISH x y z',
  ])

  script(
    'what a RESP2 subscriber may do',
    [
      'SUBSCRIBE x',
      'PING',
      'PING hello',
      'PING a b',
      'GET k',
      'get',
      'NOSUCH',
      'CLIENT ID',
      'PUBLISH x y',
      'PUBSUB NUMPAT',
      'PSUBSCRIBE p',
      'UNSUBSCRIBE',
      'GET k',
      'PUNSUBSCRIBE',
      'GET k',
      'SSUBSCRIBE s',
      'GET k',
      'RESET',
      'PING',
      'GET k',
      'SPUBLISH s m',
      'SUBSCRIBE x',
      'QUIT',
    ],
    { protocols: [2] },
  )

  script('changing the protocol while subscribed', [
    masked(raw('HELLO 3\r\n'), /7\.\d+\.\d+|:\d+/, 'version and id'),
    'SUBSCRIBE x',
    'SET k v',
    on('b', 'PUBLISH x 1'),
    drain(),
    masked(raw('HELLO 2\r\n'), /7\.\d+\.\d+|:\d+/, 'version and id'),
    'GET k',
    on('b', 'PUBLISH x 2'),
    drain(),
    'UNSUBSCRIBE x',
    'GET k',
  ])

  script(
    'a RESP3 client works on between messages, and its own follow the reply',
    [
      'SUBSCRIBE x',
      'PSUBSCRIBE x*',
      'SET k v',
      on('b', 'PUBLISH x 1'),
      frames(3, 'GET k'),
      'PING',
      'PING hello',
      differs('own-push-after-reply', 'PUBLISH x 2', ':2\r\n'),
      differs('own-push-after-reply', read(), '>3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\n2\r\n'),
      differs('own-push-after-reply', read(), '>4\r\n$8\r\npmessage\r\n$2\r\nx*\r\n$1\r\nx\r\n$1\r\n2\r\n'),
      drain(),
      'UNSUBSCRIBE x',
      frames(0, 'CLIENT REPLY OFF'),
      frames(1, 'PUBLISH x 3'),
      frames(0, 'GET k'),
      frames(1, 'SUBSCRIBE y'),
      frames(0, 'SUBSCRIBE'),
      on('b', 'PUBLISH y 4'),
      read(),
      'UNSUBSCRIBE y',
      'CLIENT REPLY ON',
      frames(0, 'CLIENT REPLY SKIP'),
      frames(1, 'PUBLISH x 5'),
      'GET k',
      frames(0, 'CLIENT REPLY SKIP'),
      'SUBSCRIBE y',
      'GET k',
    ],
    { protocols: [3] },
  )

  script('CLIENT REPLY does not drop messages', [
    frames(0, on('a', 'CLIENT REPLY OFF')),
    frames(2, on('a', 'SUBSCRIBE x y')),
    frames(0, on('a', 'PING')),
    'PUBLISH x 1',
    read('a'),
    frames(0, on('a', 'SUBSCRIBE')),
    on('a', 'UNSUBSCRIBE x'),
    on('a', 'UNSUBSCRIBE y'),
    on('a', 'CLIENT REPLY ON'),
    frames(0, on('a', 'CLIENT REPLY SKIP')),
    on('a', 'SUBSCRIBE x'),
    on('a', 'PING'),
    'PUBLISH x 2',
    read('a'),
  ])

  script('a pipeline: messages and confirmations in order', [
    on('a', 'SUBSCRIBE x'),
    { ...raw('PUBLISH x 1\r\nPUBLISH y 2\r\nPUBLISH x 3\r\nPUBLISH x 4\r\n', 4) },
    drain('a'),
    on('a', raw('SUBSCRIBE y\r\nUNSUBSCRIBE x\r\nPING\r\nPSUBSCRIBE *\r\nUNSUBSCRIBE\r\n', 5)),
    { ...raw('PUBLISH x 5\r\nPUBLISH y 6\r\n', 2) },
    drain('a'),
  ])

  script(
    'a large message to many',
    [
      ...Array.from({ length: 100 }, (_, i) => on(`s${i}`, 'SUBSCRIBE x')),
      ['PUBLISH', 'x', 'm'.repeat(100_000)],
      ['PUBLISH', 'x', 'small'],
      ['PUBLISH', 'x', 'small 2'],
      ...Array.from({ length: 100 }, (_, i) => drain(`s${i}`)),
      on('s7', 'UNSUBSCRIBE'),
      'PUBLISH x last',
      drain('s7'),
      drain('s8'),
    ],
    { protocols: [2] },
  )

  script('subscriptions end with the connection, by KILL, QUIT and RESET', [
    frames(2, on('a', 'SUBSCRIBE x y')),
    on('b', 'SUBSCRIBE x'),
    on('c', 'PSUBSCRIBE *'),
    'CLIENT KILL TYPE normal',
    'CLIENT KILL TYPE pubsub',
    wait(20),
    'PUBSUB CHANNELS',
    'PUBSUB NUMPAT',
    'PUBLISH x nobody',
    on('d', 'SUBSCRIBE x'),
    on('d', 'QUIT'),
    on('e', 'SUBSCRIBE x'),
    on('e', 'SSUBSCRIBE s'),
    on('e', 'PSUBSCRIBE p'),
    on('e', 'RESET'),
    wait(20),
    'PUBSUB CHANNELS',
    'PUBSUB SHARDCHANNELS',
    'PUBSUB NUMPAT',
    on('e', 'SUBSCRIBE x'),
    'PUBLISH x 1',
    read('e'),
  ])

  const fields =
    /\b(id|addr|laddr|fd|age|idle|qbuf|qbuf-free|argv-mem|rbs|rbp|tot-mem|multi-mem)=\S*| lib-\w+=/
  script('CLIENT LIST and INFO', [
    on('a', 'CLIENT SETNAME listener'),
    frames(2, on('a', 'SUBSCRIBE x y')),
    on('a', 'PSUBSCRIBE p'),
    frames(2, on('a', 'SSUBSCRIBE s t')),
    masked('CLIENT LIST TYPE pubsub', fields, 'addresses and memory'),
    masked('CLIENT LIST TYPE normal', fields, 'addresses and memory'),
    masked('INFO stats', /^(?!pubsub).*:.*\r\n/m, 'other figures'),
    on('a', 'RESET'),
    masked('CLIENT LIST TYPE pubsub', fields, 'addresses and memory'),
    masked('INFO stats', /^(?!pubsub).*:.*\r\n/m, 'other figures'),
  ])

  script('PUBLISH waits for a pause of writes', [
    on('a', 'SUBSCRIBE x'),
    'CLIENT PAUSE 10000 WRITE',
    frames(0, on('b', 'PUBLISH x 1')),
    drain('a'),
    'CLIENT UNPAUSE',
    read('b'),
    drain('a'),
  ])
})
