/** The pub/sub commands byte for byte, several clients on one engine. */
import { describe, expect, test } from 'vitest'
import type { Engine } from '../../src/engine/engine.ts'
import { confirmation, Listener, message, patternMessage } from '../engine/listener.ts'
import { session } from './session.ts'

const PONG = '*2\r\n$4\r\npong\r\n$0\r\n\r\n'

const engineOf = (config = {}): Engine => session({ config }).engine

function refused(name: string): string {
  const allowed = '(P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET'
  return `-ERR Can't execute '${name}': only ${allowed} are allowed in this context\r\n`
}

/** What a subscriber to __key* hears of one event. */
function told(event: string, key: string, db = 0): string {
  return (
    patternMessage('__key*', `__keyspace@${db}__:${key}`, event) +
    patternMessage('__key*', `__keyevent@${db}__:${event}`, key)
  )
}

describe('confirmations', () => {
  test('count channels and patterns together, shard channels apart', () => {
    const a = new Listener(engineOf())
    expect(a.run('SUBSCRIBE x y x')).toBe(
      confirmation('subscribe', 'x', 1) +
        confirmation('subscribe', 'y', 2) +
        confirmation('subscribe', 'x', 2),
    )
    expect(a.run('PSUBSCRIBE p')).toBe(confirmation('psubscribe', 'p', 3))
    expect(a.run('SSUBSCRIBE x')).toBe(confirmation('ssubscribe', 'x', 1))
    expect(a.run('UNSUBSCRIBE nope x')).toBe(
      confirmation('unsubscribe', 'nope', 3) + confirmation('unsubscribe', 'x', 2),
    )
    expect(a.run('PUNSUBSCRIBE')).toBe(confirmation('punsubscribe', 'p', 1))
    expect(a.run('UNSUBSCRIBE')).toBe(confirmation('unsubscribe', 'y', 0))
    expect(a.run('UNSUBSCRIBE')).toBe(confirmation('unsubscribe', null, 0))
    expect(a.run('SUNSUBSCRIBE')).toBe(confirmation('sunsubscribe', 'x', 0))
    expect(a.run('SUNSUBSCRIBE')).toBe(confirmation('sunsubscribe', null, 0))
  })

  test('are pushes in RESP3', () => {
    const a = new Listener(engineOf(), 3)
    expect(a.run('SUBSCRIBE x')).toBe(confirmation('subscribe', 'x', 1, '>'))
    expect(a.run('PUNSUBSCRIBE')).toBe(confirmation('punsubscribe', null, 1, '>'))
  })
})

describe('a RESP2 subscriber', () => {
  test('may only subscribe, leave, PING, QUIT and RESET', () => {
    const a = new Listener(engineOf())
    a.run('SUBSCRIBE x')
    expect(a.run('GET k')).toBe(refused('get'))
    expect(a.run('HELLO 3')).toBe(refused('hello'))
    expect(a.run('pubsub numpat')).toBe(refused('pubsub|numpat'))
    expect(a.run('MULTI')).toBe(refused('multi'))
    expect(a.run('PING')).toBe(PONG)
    expect(a.run('PING hi')).toBe('*2\r\n$4\r\npong\r\n$2\r\nhi\r\n')
    expect(a.run('UNSUBSCRIBE')).toBe(confirmation('unsubscribe', 'x', 0))
    expect(a.run('GET k')).toBe('$-1\r\n')
    expect(a.run('PING')).toBe('+PONG\r\n')
  })

  test('is free again after RESET, and hears nothing', () => {
    const engine = engineOf()
    const [a, b] = [new Listener(engine), new Listener(engine)]
    a.run('SUBSCRIBE x')
    a.run('PSUBSCRIBE *')
    expect(a.run('RESET')).toBe('+RESET\r\n')
    expect(b.run('PUBLISH x m')).toBe(':0\r\n')
    expect(a.run('GET k')).toBe('$-1\r\n')
  })
})

describe('a RESP3 subscriber', () => {
  test('goes on working; its own messages follow the reply', () => {
    const engine = engineOf()
    const [a, b] = [new Listener(engine, 3), new Listener(engine)]
    a.run('SUBSCRIBE x')
    expect(a.run('SET k v')).toBe('+OK\r\n')
    expect(a.run('PUBLISH x 1')).toBe(`:1\r\n${message('x', '1', '>')}`)
    b.run('PUBLISH x 2')
    expect(a.run('GET k')).toBe(`${message('x', '2', '>')}$1\r\nv\r\n`)
  })

  test('has its own messages after the whole of EXEC', () => {
    const a = new Listener(engineOf(), 3)
    a.run('SUBSCRIBE x')
    a.run('MULTI')
    a.run('PUBLISH x 1')
    a.run('PUBLISH x 2')
    a.run('PING')
    expect(a.run('EXEC')).toBe(
      `*3\r\n:1\r\n:1\r\n+PONG\r\n${message('x', '1', '>')}${message('x', '2', '>')}`,
    )
  })

  test('is bound like any other once it speaks RESP2', () => {
    const a = new Listener(engineOf(), 3)
    a.run('SUBSCRIBE x')
    a.run('HELLO 2')
    expect(a.run('GET k')).toMatch(/^-ERR Can't execute 'get'/)
    expect(a.run('PING')).toBe(PONG)
  })
})

test('SUBSCRIBE in MULTI: confirmed in its place, the messages after EXEC', () => {
  const a = new Listener(engineOf())
  a.run('MULTI')
  a.run('SUBSCRIBE x')
  a.run('PUBLISH x 1')
  expect(a.run('EXEC')).toBe(`*2\r\n${confirmation('subscribe', 'x', 1)}:1\r\n${message('x', '1')}`)
})

describe('CLIENT REPLY', () => {
  test.each([2, 3] as const)('OFF drops replies, not messages and confirmations (RESP%i)', (resp) => {
    const engine = engineOf()
    const type = resp === 3 ? '>' : '*'
    const [a, b] = [new Listener(engine, resp), new Listener(engine)]
    expect(a.run('CLIENT REPLY OFF')).toBe('')
    expect(a.run('SUBSCRIBE x')).toBe(confirmation('subscribe', 'x', 1, type))
    expect(a.run('SUBSCRIBE')).toBe('')
    expect(a.run('GET k')).toBe('')
    b.run('PUBLISH x 1')
    expect(a.run('PING')).toBe(message('x', '1', type))
    b.run('PUBLISH x 2')
    expect(a.take()).toBe(message('x', '2', type))
    if (resp === 3) expect(a.run('PUBLISH x 3')).toBe(message('x', '3', type))
    expect(a.run('UNSUBSCRIBE')).toBe(confirmation('unsubscribe', 'x', 0, type))
    expect(a.run('CLIENT REPLY ON')).toBe('+OK\r\n')
  })

  test('SKIP is used up by a command whose confirmations are sent', () => {
    const a = new Listener(engineOf())
    a.run('CLIENT REPLY SKIP')
    expect(a.run('SUBSCRIBE x')).toBe(confirmation('subscribe', 'x', 1))
    expect(a.run('PING')).toBe(PONG)
  })
})

test('PUBSUB', () => {
  const engine = engineOf()
  const [a, b, c] = [new Listener(engine), new Listener(engine), new Listener(engine)]
  a.run('SUBSCRIBE x news')
  b.run('SUBSCRIBE x')
  b.run('PSUBSCRIBE p q')
  a.run('PSUBSCRIBE p')
  a.run('SSUBSCRIBE s')
  expect(c.run('PUBSUB CHANNELS')).toBe('*2\r\n$1\r\nx\r\n$4\r\nnews\r\n')
  expect(c.run('PUBSUB CHANNELS n*')).toBe('*1\r\n$4\r\nnews\r\n')
  expect(c.run('PUBSUB CHANNELS N*')).toBe('*0\r\n')
  expect(c.run('PUBSUB NUMSUB x y')).toBe('*4\r\n$1\r\nx\r\n:2\r\n$1\r\ny\r\n:0\r\n')
  expect(c.run('PUBSUB NUMSUB')).toBe('*0\r\n')
  expect(c.run('PUBSUB NUMPAT')).toBe(':2\r\n')
  expect(c.run('PUBSUB SHARDCHANNELS')).toBe('*1\r\n$1\r\ns\r\n')
  expect(c.run('PUBSUB SHARDNUMSUB s x')).toBe('*4\r\n$1\r\ns\r\n:1\r\n$1\r\nx\r\n:0\r\n')
  expect(c.run('INFO stats')).toMatch(/pubsub_channels:2\r\npubsub_patterns:2\r\npubsubshard_channels:1\r\n/)
  expect(c.run('CLIENT LIST TYPE pubsub')).toMatch(
    /flags=P db=0 sub=2 psub=1 ssub=1 .*\n.*flags=P db=0 sub=1 psub=2 ssub=0/,
  )
  expect(c.run('CLIENT LIST TYPE normal').match(/id=/g)).toHaveLength(2)
  expect(c.run('CLIENT KILL TYPE pubsub')).toBe(':2\r\n')
  expect(c.run('PUBSUB NUMPAT')).toBe(':0\r\n')
  expect(c.run('PUBSUB CHANNELS a b')).toBe(
    "-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.\r\n",
  )
})

describe('keyspace notifications', () => {
  const all = { 'notify-keyspace-events': 'KEAnm' }

  test('one channel for the key, one for the event', () => {
    const engine = engineOf(all)
    const [a, b] = [new Listener(engine), new Listener(engine)]
    a.run('PSUBSCRIBE __key*')
    b.call('SET', '\xff\x00', 'v', 'EX', '10')
    expect(a.take()).toBe(told('new', '\xff\x00') + told('set', '\xff\x00') + told('expire', '\xff\x00'))
    b.run('GET nokey')
    expect(a.take()).toBe(told('keymiss', 'nokey'))
    b.run('OBJECT ENCODING nokey')
    expect(a.take()).toBe('')
    b.run('SELECT 3')
    b.run('RPUSH l x')
    expect(a.take()).toBe(told('new', 'l', 3) + told('rpush', 'l', 3))
    b.run('LPOP l')
    expect(a.take()).toBe(told('lpop', 'l', 3) + told('del', 'l', 3))
  })

  test('expired: on access and by the cycle', () => {
    const s = session({ config: { 'notify-keyspace-events': 'Ex' } })
    const [a, b] = [new Listener(s.engine), new Listener(s.engine)]
    a.run('SUBSCRIBE __keyevent@0__:expired')
    b.run('SET k v PX 10')
    b.run('SET l v PX 10')
    s.clock.advance(11)
    b.run('GET k')
    expect(a.take()).toBe(message('__keyevent@0__:expired', 'k'))
    s.engine.expireCycle.run(1000)
    expect(a.take()).toBe(message('__keyevent@0__:expired', 'l'))
  })

  test('a RESP3 client told of its own write hears of it after the reply', () => {
    const a = new Listener(engineOf({ 'notify-keyspace-events': 'E$' }), 3)
    a.run('SUBSCRIBE __keyevent@0__:set')
    expect(a.run('SET k v')).toBe(`+OK\r\n${message('__keyevent@0__:set', 'k', '>')}`)
  })

  test.each([
    ['', false],
    ['K', false],
    ['A', false],
    ['KE', false],
    ['Kg', true],
    ['KEA', true],
    ['En', true],
  ])('%j: the keyspace is followed: %s', (letters, followed) => {
    const engine = engineOf()
    const a = new Listener(engine)
    expect(a.call('CONFIG', 'SET', 'notify-keyspace-events', letters)).toBe('+OK\r\n')
    expect(engine.keyspace.listener !== null).toBe(followed)
    a.call('CONFIG', 'SET', 'notify-keyspace-events', '')
    expect(engine.keyspace.listener).toBeNull()
  })

  test('a class that the text does not show is on all the same', () => {
    const engine = engineOf()
    const [a, b] = [new Listener(engine), new Listener(engine)]
    b.run('CONFIG SET notify-keyspace-events KEA')
    b.run('CONFIG SET notify-keyspace-events KEAn')
    expect(b.run('CONFIG GET notify-keyspace-events')).toContain('$3\r\nAKE\r\n')
    a.run('SUBSCRIBE __keyevent@0__:new')
    b.run('SET k v')
    expect(a.take()).toBe(message('__keyevent@0__:new', 'k'))
  })
})
