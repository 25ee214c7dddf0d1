/** PubSub against a model of who subscribes to what; delivery to many; what a subscriber's end leaves behind. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SubscriptionKind } from '../../src/engine/pubsub.ts'
import { globMatches } from '../../src/structures/glob.ts'
import { session } from '../commands/session.ts'
import { Listener, message, patternMessage } from './listener.ts'

const KINDS: readonly SubscriptionKind[] = ['channels', 'patterns', 'shardChannels']
const WORDS = { channels: 'SUBSCRIBE', patterns: 'PSUBSCRIBE', shardChannels: 'SSUBSCRIBE' } as const
const LEAVE = { channels: 'UNSUBSCRIBE', patterns: 'PUNSUBSCRIBE', shardChannels: 'SUNSUBSCRIBE' } as const

function matches(pattern: string, channel: string): boolean {
  const [p, c] = [Buffer.from(pattern, 'latin1'), Buffer.from(channel, 'latin1')]
  return globMatches(p, 0, p.length, c, 0, c.length, false)
}

/** Several patterns of one client: which comes first is nobody's promise. */
function sortedFrames(bytes: string): string {
  return bytes
    .split(/(?=[*>][34]\r\n\$[78]\r\n(?:s|p)?message\r\n)/)
    .sort()
    .join('')
}

function many(count: number): { publisher: Listener; listeners: Listener[] } {
  const { engine } = session()
  const listeners = Array.from({ length: count }, (_, i) => new Listener(engine, i % 3 === 0 ? 3 : 2))
  for (const listener of listeners) listener.run('SUBSCRIBE x')
  return { publisher: new Listener(engine), listeners }
}
const typeOf = (i: number): '*' | '>' => (i % 3 === 0 ? '>' : '*')

describe('random subscribers', () => {
  const NAMES = ['a', 'b', 'ab', '*', 'a*', '[a-b]', '?', '\xff\x00']
  const action = fc.record({
    client: fc.nat(3),
    what: fc.constantFrom('join', 'join', 'leave', 'publish', 'publish', 'spublish', 'reset', 'disconnect'),
    kind: fc.constantFrom(...KINDS),
    name: fc.constantFrom(...NAMES),
  })

  test('each receives what the model says, in order, and nothing is left when all have gone', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const { engine } = session()
        const publisher = new Listener(engine)
        const listeners = Array.from({ length: 4 }, (_, i) => new Listener(engine, i % 2 === 0 ? 2 : 3))
        const model = listeners.map(() => new Map<string, true>())
        for (const [step, { client, what, kind, name }] of actions.entries()) {
          const subscriptions = model[client]
          if (what === 'join') {
            listeners[client].call(WORDS[kind], name)
            subscriptions.set(`${kind} ${name}`, true)
          } else if (what === 'leave') {
            listeners[client].call(LEAVE[kind], name)
            subscriptions.delete(`${kind} ${name}`)
          } else if (what === 'reset' || what === 'disconnect') {
            if (what === 'reset') {
              listeners[client].call('RESET')
              if (client % 2 === 1) listeners[client].call('HELLO', '3')
            } else {
              listeners[client].connection.close()
              listeners[client] = new Listener(engine, client % 2 === 0 ? 2 : 3)
            }
            subscriptions.clear()
          } else {
            const text = `message ${step}`
            let receivers = 0
            const expected = model.map((each, i) => {
              const type = i % 2 === 0 ? '*' : '>'
              const frames: string[] = []
              if (what === 'spublish') {
                if (each.has(`shardChannels ${name}`)) {
                  frames.push(message(name, text, type).replace('$7\r\nm', '$8\r\nsm'))
                }
              } else {
                if (each.has(`channels ${name}`)) frames.push(message(name, text, type))
                for (const key of each.keys()) {
                  const pattern = key.slice('patterns '.length)
                  if (key.startsWith('patterns ') && matches(pattern, name)) {
                    frames.push(patternMessage(pattern, name, text, type))
                  }
                }
              }
              receivers += frames.length
              return frames.sort().join('')
            })
            expect(publisher.call(what.toUpperCase(), name, text)).toBe(`:${receivers}\r\n`)
            const received = listeners.map((listener) => sortedFrames(listener.take()))
            expect(received).toEqual(expected)
          }
        }
        for (const listener of listeners) listener.connection.close()
        for (const kind of KINDS) expect(engine.pubsub.directory(kind).size).toBe(0)
        expect(publisher.call('PUBLISH', 'a', 'x')).toBe(':0\r\n')
      }),
    )
  })
})

describe('a message to many', () => {
  test.each([1, 2, 63, 64, 65, 1000])('%i subscribers, several messages before any is taken', (count) => {
    const { publisher, listeners } = many(count)
    const texts = ['one', '', '\x00\r\n', 'x'.repeat(20_000), 'five', 'y'.repeat(17_000), 'last']
    for (const text of texts) expect(publisher.call('PUBLISH', 'x', text)).toBe(`:${count}\r\n`)
    for (const [i, listener] of listeners.entries()) {
      expect(listener.take()).toBe(texts.map((text) => message('x', text, typeOf(i))).join(''))
    }
  })

  test('is held once, until a subscriber has more to say: then it copies', () => {
    const { publisher, listeners } = many(100)
    publisher.run('PUBLISH x shared')
    const blocks = new Set(listeners.map(({ client }) => client.reply.block))
    expect(blocks.size).toBe(2)
    const [third, second, first] = [listeners[3], listeners[2], listeners[1]]
    expect(first.run('PING')).toBe(`${message('x', 'shared')}*2\r\n$4\r\npong\r\n$0\r\n\r\n`)
    expect(third.run('PING')).toBe(`${message('x', 'shared', '>')}+PONG\r\n`)
    expect(second.run('UNSUBSCRIBE')).toContain('unsubscribe')
    publisher.run('PUBLISH x more')
    expect(second.take()).toBe('')
    expect(listeners[4].take()).toBe(message('x', 'shared') + message('x', 'more'))
    expect(listeners[6].take()).toBe(message('x', 'shared', '>') + message('x', 'more', '>'))
  })

  test('takes little memory of each of those who have had two', () => {
    const { publisher, listeners } = many(2000)
    publisher.run('PUBLISH x one')
    publisher.run('PUBLISH x two')
    const own = new Set(listeners.map(({ client }) => client.reply.block))
    let bytes = 0
    for (const block of own) bytes += block.bytes.length
    // Reply blocks from the pool (256 of 16 KiB) for some, about 200 bytes for the others.
    expect(bytes).toBeLessThan(256 * 16_384 + 2000 * 512)
  })

  test('random messages, some taken in between: each client has its own and in order', () => {
    const action = fc.record({
      what: fc.constantFrom('publish', 'publish', 'publish', 'own', 'take', 'ping', 'move', 'hello', 'drop'),
      channel: fc.constantFrom('x', 'y'),
      client: fc.nat(79),
      upTo: fc.nat(79),
      size: fc.oneof(fc.nat(100), fc.nat(9000)),
    })
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const { publisher, listeners } = many(80)
        const expected = listeners.map(() => '')
        const inX = listeners.map(() => true)
        const inY = listeners.map(() => false)
        const gone = new Set<number>()
        const type = (i: number): '*' | '>' => (listeners[i].client.reply.resp === 3 ? '>' : '*')
        for (const [step, { what, channel, client, upTo, size }] of actions.entries()) {
          if (what === 'publish') {
            // Not taken: that would have the messages given to those they are for.
            publisher.connection.send(['PUBLISH', channel, `${step} ${'m'.repeat(size)}`])
            for (const i of listeners.keys()) {
              if ((channel === 'x' ? inX : inY)[i]) {
                expected[i] += message(channel, `${step} ${'m'.repeat(size)}`, type(i))
              }
            }
          } else if (what === 'own') {
            const inChannel = channel === 'x' ? inX : inY
            if (type(client) === '*' || gone.has(client)) continue
            listeners[client].connection.send(['PUBLISH', channel, 'own'])
            expected[client] += `:${inChannel.filter(Boolean).length}\r\n`
            for (const i of listeners.keys()) {
              if (inChannel[i]) expected[i] += message(channel, 'own', type(i))
            }
          } else if (what === 'drop') {
            listeners[client].connection.close()
            gone.add(client)
            inX[client] = false
            inY[client] = false
          } else if (what === 'take') {
            for (let i = Math.min(client, upTo); i <= Math.max(client, upTo); i++) {
              if (gone.has(i)) continue
              expect(listeners[i].take()).toBe(expected[i])
              expected[i] = ''
            }
          } else if (gone.has(client) && what !== 'move') {
            // Nobody is there to say anything.
          } else if (what === 'ping') {
            listeners[client].connection.send(['PING', 'p'])
            const plain = type(client) === '>' || !(inX[client] || inY[client])
            expected[client] += plain ? '$1\r\np\r\n' : '*2\r\n$4\r\npong\r\n$1\r\np\r\n'
          } else if (what === 'hello') {
            if (type(client) === '*') continue
            for (const words of [['CLIENT', 'REPLY', 'OFF'], ['HELLO', '2'], ['RESET']]) {
              listeners[client].connection.send(words)
            }
            expected[client] += '+RESET\r\n'
            inX[client] = false
            inY[client] = false
          } else {
            // About half of those in x join y.
            for (let i = 0; i < 80; i += 2) {
              if (!inX[i] || inY[i]) continue
              listeners[i].connection.send(['SUBSCRIBE', 'y'])
              inY[i] = true
              expected[i] += `${type(i)}3\r\n$9\r\nsubscribe\r\n$1\r\ny\r\n:2\r\n`
            }
          }
        }
        const taken = listeners.map((listener) => listener.take())
        // What those who have gone did not take is nobody's.
        for (const i of gone) taken[i] = expected[i]
        expect(taken).toEqual(expected)
      }),
      { numRuns: 200 },
    )
  })

  test('is counted as output of each by whoever looks, and as several when several are gathered', () => {
    const { publisher, listeners } = many(64)
    publisher.connection.send(['PUBLISH', 'x', 'one'])
    publisher.connection.send(['PUBLISH', 'x', 'two'])
    const bytes = message('x', 'one').length * 2
    expect(publisher.run('CLIENT LIST').split(` obl=${bytes} `)).toHaveLength(65)
    expect(listeners[5].take()).toBe(message('x', 'one') + message('x', 'two'))
  })

  test('looked at in a transaction too, in the middle of it', () => {
    const { publisher } = many(64)
    for (const words of [['MULTI'], ['PUBLISH', 'x', 'one'], ['CLIENT', 'LIST'], ['EXEC']]) {
      publisher.connection.send(words)
    }
    expect(publisher.take().split(` obl=${message('x', 'one').length} `)).toHaveLength(65)
  })

  test('stands before the error that ends a subscriber of broken manners', () => {
    const { publisher, listeners } = many(64)
    publisher.connection.send(['PUBLISH', 'x', 'one'])
    listeners[0].connection.send(Buffer.from('*1\r\n!\r\n'))
    expect(listeners[0].take()).toBe(
      `${message('x', 'one', '>')}-ERR Protocol error: expected '$', got '!'\r\n`,
    )
  })

  test('to a client that is about to be closed, nothing; it is still counted', () => {
    const { publisher, listeners } = many(2)
    listeners[0].client.closeAfterReply = true
    expect(publisher.run('PUBLISH x m')).toBe(':2\r\n')
    expect(listeners[0].take()).toBe('')
    expect(listeners[1].take()).toBe(message('x', 'm'))
  })
})

test('only subscribers pay for subscriptions', () => {
  const { engine } = session()
  const listener = new Listener(engine)
  expect(listener.client.subscriptions).toBeNull()
  listener.run('SUBSCRIBE x')
  listener.run('PSUBSCRIBE p')
  expect(listener.client.subscriptions).not.toBeNull()
  listener.run('UNSUBSCRIBE')
  listener.run('PUNSUBSCRIBE')
  expect(listener.client.subscriptions).toBeNull()
  expect(listener.client.gates).toBe(0)
})

test('a hostile pattern costs pattern times text, not more', () => {
  const { engine } = session()
  const listener = new Listener(engine)
  listener.call('PSUBSCRIBE', `${'*a'.repeat(500)}b`)
  expect(new Listener(engine).call('PUBLISH', 'a'.repeat(2000), 'm')).toBe(':0\r\n')
})
