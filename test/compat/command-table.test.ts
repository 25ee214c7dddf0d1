/** Our command table against a real server's: COMMAND INFO and COMMAND DOCS of every command we have. */

import Parser from 'redis-parser'
import { beforeAll, expect, test } from 'vitest'
import { COMMAND_DIFFERENCES } from './differences.ts'
import { RawClient } from './raw-client.ts'
import { compat } from './suite.ts'

type Reply = string | number | null | Reply[]

/** One command of COMMAND INFO, its sets sorted. */
interface Info {
  readonly name: string
  readonly arity: Reply
  readonly flags: Reply
  readonly firstLastStep: Reply
  readonly categories: Reply
  readonly tips: Reply
  readonly keySpecs: Reply
}

type Docs = Record<string, unknown>

compat('command table', ({ pair }) => {
  const info = { oracle: new Map<string, Info>(), respite: new Map<string, Info>() }
  const docs = { oracle: new Map<string, Docs>(), respite: new Map<string, Docs>() }
  beforeAll(async () => {
    for (const side of ['oracle', 'respite'] as const) {
      const { port } = pair()[side]
      for (const row of (await ask(port, 'COMMAND')) as Reply[][]) readInfo(row, info[side])
      readDocs((await ask(port, 'COMMAND', 'DOCS')) as Reply[], docs[side])
    }
  })

  test('every command of ours exists in the oracle or came with 7.2', () => {
    const unknown = [...info.respite.keys()].filter((name) => !info.oracle.has(name))
    expect(unknown.filter((name) => !(name in COMMAND_DIFFERENCES.added))).toEqual([])
  })

  const facets = ['arity', 'flags', 'firstLastStep', 'categories', 'tips', 'keySpecs'] as const
  test.each(facets)('COMMAND INFO: %s', (facet) => {
    expect(disagreements(info, facet, (row) => row[facet])).toEqual([])
  })

  const entries = ['since', 'group', 'complexity', 'doc_flags', 'deprecated_since', 'replaced_by', 'history']
  test.each(entries)('COMMAND DOCS: %s', (entry) => {
    expect(disagreements(docs, entry, (row) => row[entry])).toEqual([])
  })

  // The oracle's own summaries are older texts: 7.2 reworded nearly every one.
  test('COMMAND DOCS: every command has a summary', () => {
    expect([...docs.respite].filter(([, row]) => typeof row.summary !== 'string').map(([n]) => n)).toEqual([])
  })

  test('COMMAND DOCS: arguments', () => {
    expect(disagreements(docs, 'arguments', (row) => row.arguments)).toEqual([])
  })
})

/** "name: theirs / ours" for each command both have, unless differences.ts explains it. */
function disagreements<Row>(
  sides: { oracle: Map<string, Row>; respite: Map<string, Row> },
  facet: string,
  read: (row: Row) => unknown,
): string[] {
  const found: string[] = []
  for (const [name, ours] of sides.respite) {
    const theirs = sides.oracle.get(name)
    if (theirs === undefined) continue
    const [expected, actual] = [JSON.stringify(read(theirs)), JSON.stringify(read(ours))]
    const explained = COMMAND_DIFFERENCES.changed[`${name} ${facet}`]
    if (expected !== actual && explained === undefined) found.push(`${name}: ${expected} / ${actual}`)
    if (expected === actual && explained !== undefined && process.env.RESPITE_TARGET !== 'oracle') {
      found.push(`${name}: differences.ts explains a difference in ${facet} that there is not`)
    }
  }
  return found
}

async function ask(port: number, ...command: string[]): Promise<Reply> {
  const client = await RawClient.open(port)
  const bytes = await client.call(...command)
  client.close()
  let reply: Reply = null
  const parser = new Parser({
    returnReply: (value: Reply) => {
      reply = value
    },
    returnError: (error: Error) => {
      throw error
    },
  })
  parser.execute(bytes)
  return reply
}

function readInfo(row: Reply[], into: Map<string, Info>): void {
  const [name, arity, flags, first, last, step, categories, tips, keySpecs, subcommands] = row
  const sorted = (list: Reply): Reply => [...(list as string[])].sort()
  into.set(name as string, {
    name: name as string,
    arity,
    flags: sorted(flags),
    firstLastStep: [first, last, step],
    categories: sorted(categories),
    tips,
    keySpecs: (keySpecs as Reply[][]).map((spec) => spec.map(sortFlags)),
  })
  for (const child of subcommands as Reply[][]) readInfo(child, into)
}

/** A key spec's flags are a set: the only array of strings in it whose first word is a flag in upper case. */
function sortFlags(part: Reply): Reply {
  const isFlags = Array.isArray(part) && part.every((f) => typeof f === 'string') && part.length > 0
  return isFlags ? [...part].sort() : part
}

/** The flat maps of COMMAND DOCS in RESP2 as records, subcommands beside their container. */
function readDocs(flat: Reply[], into: Map<string, Docs>): void {
  for (let i = 0; i < flat.length; i += 2) {
    const row = record(flat[i + 1] as Reply[])
    into.set(flat[i] as string, row)
    if (Array.isArray(row.subcommands)) readDocs(row.subcommands as Reply[], into)
    if (Array.isArray(row.arguments)) row.arguments = (row.arguments as Reply[][]).map(argument)
    for (const set of ['doc_flags', 'history']) {
      if (Array.isArray(row[set])) row[set] = (row[set] as Reply[]).map((e) => JSON.stringify(e)).sort()
    }
  }
}

/** An argument without display_text, which came with 7.2, and without since, which only DOCS readers see. */
function argument(flat: Reply[]): Docs {
  const row = record(flat)
  delete row.display_text
  delete row.since
  if (Array.isArray(row.arguments)) row.arguments = (row.arguments as Reply[][]).map(argument)
  return Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function record(flat: Reply[]): Docs {
  const row: Docs = {}
  for (let i = 0; i < flat.length; i += 2) row[flat[i] as string] = flat[i + 1]
  return row
}
