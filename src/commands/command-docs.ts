/** COMMAND DOCS: what a command's declaration says of it, for people and for tools that write hints. */
import { type ArgumentNode, argumentTree } from '../engine/argument-tree.ts'
import type { Client } from '../engine/client.ts'
import type { Command, CommandSpec } from '../engine/command.ts'
import type { Arguments } from '../protocol/arguments.ts'
import type { ReplyWriter } from '../protocol/reply-writer.ts'

/** COMMAND DOCS [name ...]; names that no command has are left out. */
export function commandDocs(client: Client, args: Arguments): void {
  const { commands } = client.engine
  const named: Command[] = []
  if (args.count === 2) named.push(...commands.commands)
  for (let i = 2; i < args.count; i++) {
    const command = commands.get(args.text(i))
    if (command !== undefined) named.push(command)
  }
  replyDocs(client.reply, named)
}

function replyDocs(reply: ReplyWriter, commands: readonly Command[]): void {
  reply.mapHeader(commands.length)
  for (const command of commands) {
    reply.bulkText(command.name)
    replyEntries(reply, command)
  }
}

/** A map's key and the call that writes its value. */
type MapEntry = readonly [key: string, write: () => void]

function replyMap(reply: ReplyWriter, entries: readonly MapEntry[]): void {
  reply.mapHeader(entries.length)
  for (const [key, write] of entries) {
    reply.bulkText(key)
    write()
  }
}

function replyEntries(reply: ReplyWriter, command: Command): void {
  const { summary, since, complexity, deprecated, history, syntax, system } = command.spec
  const entries: MapEntry[] = [
    ['summary', () => reply.bulkText(summary)],
    ['since', () => reply.bulkText(since)],
    ['group', () => reply.bulkText(command.group)],
  ]
  if (complexity !== '') entries.push(['complexity', () => reply.bulkText(complexity)])
  if (system) entries.push(['doc_flags', () => replyStatusSet(reply, ['syscmd'])])
  if (deprecated !== undefined) {
    entries.push(
      ['doc_flags', () => replyStatusSet(reply, ['deprecated'])],
      ['deprecated_since', () => reply.bulkText(deprecated.since)],
      ['replaced_by', () => reply.bulkText(deprecated.replacedBy)],
    )
  }
  if (history !== undefined) entries.push(['history', () => replyHistory(reply, history)])
  if (syntax !== '') {
    const tree = treeOf(command)
    entries.push(['arguments', () => replyArguments(reply, tree)])
  }
  const { subcommands } = command
  if (subcommands !== null) entries.push(['subcommands', () => replyDocs(reply, [...subcommands.values()])])
  replyMap(reply, entries)
}

/** Reading a syntax line takes longer than the whole reply, and redis-cli asks for all of them whenever it starts. */
const trees = new WeakMap<CommandSpec, ArgumentNode[]>()

function treeOf({ name, spec }: Command): ArgumentNode[] {
  let tree = trees.get(spec)
  if (tree === undefined) trees.set(spec, (tree = argumentTree(name.toUpperCase(), spec)))
  return tree
}

function replyHistory(reply: ReplyWriter, history: readonly (readonly [string, string])[]): void {
  reply.setHeader(history.length)
  for (const [version, change] of history) {
    reply.arrayHeader(2)
    reply.bulkText(version)
    reply.bulkText(change)
  }
}

/** A set of simple strings. */
export function replyStatusSet(reply: ReplyWriter, names: readonly string[]): void {
  reply.setHeader(names.length)
  for (const name of names) reply.simple(name)
}

function replyArguments(reply: ReplyWriter, nodes: readonly ArgumentNode[]): void {
  reply.arrayHeader(nodes.length)
  for (const node of nodes) replyArgument(reply, node)
}

function replyArgument(reply: ReplyWriter, node: ArgumentNode): void {
  const { name, type, keySpec, token, children } = node
  const entries: MapEntry[] = [
    ['name', () => reply.bulkText(name)],
    ['type', () => reply.bulkText(type)],
  ]
  if (children.length === 0) entries.push(['display_text', () => reply.bulkText(name)])
  if (keySpec !== -1) entries.push(['key_spec_index', () => reply.integer(keySpec)])
  if (token !== '') entries.push(['token', () => reply.bulkText(token)])
  const flags: string[] = []
  if (node.optional) flags.push('optional')
  if (node.multiple) flags.push('multiple')
  if (node.multipleToken) flags.push('multiple_token')
  if (flags.length > 0) entries.push(['flags', () => replyStatusSet(reply, flags)])
  if (children.length > 0) entries.push(['arguments', () => replyArguments(reply, children)])
  replyMap(reply, entries)
}
