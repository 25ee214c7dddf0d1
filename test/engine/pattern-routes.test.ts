/** PatternRoutes: what is searched again, what is kept, and what changes with the subscribers. */
import { describe, expect, test } from 'vitest'
import type { Client } from '../../src/engine/client.ts'
import { Pattern } from '../../src/engine/pattern-index.ts'
import { PatternRoutes, Routes } from '../../src/engine/pattern-routes.ts'
import { session } from '../commands/session.ts'
import { Listener, patternMessage } from './listener.ts'

/** Routes over patterns that all match, and the channels that were searched for. */
function routesOf(patterns: readonly Pattern[]): { routes: PatternRoutes; searched: string[] } {
  const searched: string[] = []
  const routes = new PatternRoutes((channel, found) => {
    searched.push(channel)
    for (const pattern of patterns) found.add(pattern)
  })
  return { routes, searched }
}

function clients(count: number): Set<Client> {
  const { engine } = session()
  return new Set(Array.from({ length: count }, () => new Listener(engine).client))
}

/** Several messages of one client, in no order. */
function frames(bytes: string): string[] {
  return bytes.split(/(?=[*>]4\r\n)/).sort()
}

describe('what is kept', () => {
  test('a channel that comes again, until the subscribers change', () => {
    const { routes, searched } = routesOf([new Pattern('a*', clients(1))])
    expect(routes.find('ab')).toBeNull()
    const found = routes.find('ab')
    expect(found?.size).toBe(1)
    expect(routes.find('ab')).toBe(found)
    expect(searched).toEqual(['ab'])
    routes.forget()
    expect(routes.find('ab')).toBeNull()
    expect(routes.find('ab')).not.toBe(found)
    expect(searched).toEqual(['ab', 'ab'])
  })

  test('each of several channels, and none of a thousand that come once', () => {
    const { routes, searched } = routesOf([new Pattern('*', clients(1))])
    for (const channel of ['a', 'b', 'a', 'b', 'a', 'b']) routes.find(channel)
    expect(searched).toEqual(['a', 'b'])
    for (let i = 0; i < 1000; i++) expect(routes.find(`once:${i}`)).toBeNull()
    expect(searched).toEqual(['a', 'b'])
  })

  test('the channel that came last where two have one place', () => {
    const { routes, searched } = routesOf([])
    const [one, other] = ['1', '2'].map((start) => start + 'e'.repeat(32))
    expect(routes.find(one)).toBeNull()
    expect(routes.find(one)).not.toBeNull()
    expect(routes.find(other)).toBeNull()
    expect(routes.find(one)).toBeNull()
    expect(searched).toEqual([one])
  })

  test('no name of more than 256 bytes', () => {
    const { routes } = routesOf([])
    for (const length of [0, 1, 256]) {
      routes.find('n'.repeat(length))
      expect(routes.find('n'.repeat(length))).not.toBeNull()
    }
    for (let i = 0; i < 3; i++) expect(routes.find('n'.repeat(257))).toBeNull()
  })

  test('no more than 131 072 patterns, whichever channels match them', () => {
    const subscribers = clients(1)
    const patterns = Array.from({ length: 1000 }, (_, i) => new Pattern(`${i}*`, subscribers))
    const { routes, searched } = routesOf(patterns)
    const channels = Array.from({ length: 1000 }, (_, i) => `${i}`)
    for (const channel of channels) {
      routes.find(channel)
      expect(routes.find(channel)?.size).toBe(1000)
    }
    expect(searched).toEqual(channels)
    // The later first: what is looked for and not kept takes a place.
    const kept = channels.toReversed().filter((channel) => routes.find(channel) !== null)
    expect(kept[0]).toBe('999')
    expect(kept.length).toBeGreaterThan(10)
    expect(kept.length).toBeLessThanOrEqual(131)
  })

  test('nor a channel that more than so many match', () => {
    const subscribers = clients(1)
    const patterns = Array.from({ length: 131_073 }, () => new Pattern('*', subscribers))
    const { routes, searched } = routesOf(patterns)
    routes.find('a')
    expect(routes.find('a')?.size).toBe(131_073)
    expect(routes.find('a')).toBeNull()
    expect(searched).toEqual(['a'])
  })
})

test('the patterns of few are put together by client, those of many are not', () => {
  const [few, many] = [clients(63), clients(64)]
  const [first] = few
  const routes = new Routes()
  const [a, b, c, d] = [few, new Set([first]), many, few].map((set, i) => new Pattern(`${i}*`, set))
  for (const pattern of [a, b, c, d]) routes.add(pattern)
  expect(routes.ofClient.size).toBe(63)
  expect(routes.ofClient.get(first)).toEqual([a, b, d])
  expect(routes.crowded).toEqual([c])
  expect(routes.size).toBe(63 * 2 + 1 + 1)
})

describe('messages by kept routes', () => {
  test('are those that the first one was sent by', () => {
    const { engine } = session()
    const listeners = Array.from({ length: 70 }, (_, i) => new Listener(engine, i % 2 === 0 ? 2 : 3))
    for (const [i, listener] of listeners.entries()) listener.call('PSUBSCRIBE', 'n*', `[n${i % 4}]?ws`, 'x*')
    for (const text of ['one', 'two', 'three']) {
      expect(new Listener(engine).run(`PUBLISH news ${text}`)).toBe(':140\r\n')
      for (const [i, listener] of listeners.entries()) {
        const type = i % 2 === 0 ? '*' : '>'
        const expected = ['n*', `[n${i % 4}]?ws`].map((name) => patternMessage(name, 'news', text, type))
        expect(frames(listener.take())).toEqual(expected.sort())
      }
    }
  })

  test('go to those who have joined since, and not to those who have left', () => {
    const { engine } = session()
    const [publisher, one, other] = [new Listener(engine), new Listener(engine), new Listener(engine)]
    one.run('PSUBSCRIBE n*')
    for (let i = 0; i < 3; i++) expect(publisher.run('PUBLISH news m')).toBe(':1\r\n')
    other.run('PSUBSCRIBE n*')
    for (let i = 0; i < 3; i++) expect(publisher.run('PUBLISH news m')).toBe(':2\r\n')
    one.run('PSUBSCRIBE *s')
    for (let i = 0; i < 3; i++) expect(publisher.run('PUBLISH news m')).toBe(':3\r\n')
    one.run('PUNSUBSCRIBE n*')
    for (let i = 0; i < 3; i++) expect(publisher.run('PUBLISH news m')).toBe(':2\r\n')
    other.connection.close()
    for (let i = 0; i < 3; i++) expect(publisher.run('PUBLISH news m')).toBe(':1\r\n')
    one.take()
    publisher.run('PUBLISH news last')
    expect(one.take()).toBe(patternMessage('*s', 'news', 'last'))
  })

  test('follow the reply to the subscriber that publishes', () => {
    const { engine } = session()
    const own = new Listener(engine, 3)
    own.call('PSUBSCRIBE', 'n*', 'ne*')
    for (const text of ['one', 'two', 'three']) {
      const expected = ['n*', 'ne*'].map((name) => patternMessage(name, 'news', text, '>')).sort()
      const [reply, ...rest] = own.run(`PUBLISH news ${text}`).split(/(?=>4\r\n)/)
      expect(reply).toBe(':2\r\n')
      expect(rest.sort()).toEqual(expected)
    }
  })

  test('end with the one that is too much for a client, and reach the others', () => {
    const one = session()
    const { engine } = one
    one.call('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 200000 0 0')
    const names = Array.from({ length: 100 }, (_, i) => `[n${i}]*`)
    const [slow, other] = [new Listener(engine), new Listener(engine)]
    slow.call('PSUBSCRIBE', ...names)
    other.call('PSUBSCRIBE', 'n*')
    const publisher = new Listener(engine)
    const text = 'm'.repeat(10_000)
    publisher.call('PUBLISH', 'news', 'first')
    slow.take()
    other.take()
    expect(publisher.call('PUBLISH', 'news', text)).toBe(':101\r\n')
    expect(slow.client.subscriptions).toBeNull()
    // The rest was not written: a million bytes.
    expect(slow.client.reply.length).toBeLessThan(220_000)
    expect(other.take()).toBe(patternMessage('n*', 'news', text))
    expect(publisher.call('PUBLISH', 'news', 'last')).toBe(':1\r\n')
    expect(other.take()).toBe(patternMessage('n*', 'news', 'last'))
  })
})
