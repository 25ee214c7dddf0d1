/**
 * A command's arguments as COMMAND DOCS describes them, made from its syntax line and key specifications. The
 * names of groups and the types of values, which the line does not tell, come from the tables here.
 */
import type { CommandSpec } from './command.ts'
import type { KeySpec } from './key-specs.ts'
import { parseSyntax, type SyntaxNode } from './syntax.ts'

export type ArgumentType =
  | 'string'
  | 'integer'
  | 'double'
  | 'key'
  | 'pattern'
  | 'unix-time'
  | 'pure-token'
  | 'oneof'
  | 'block'

export interface ArgumentNode {
  readonly name: string
  readonly type: ArgumentType
  /** Index among the command's key specifications; -1 when it is no key. */
  readonly keySpec: number
  /** The keyword in front of it, or that it is; '' when there is none. */
  readonly token: string
  readonly optional: boolean
  readonly multiple: boolean
  /** Every repetition has the keyword in front of it. */
  readonly multipleToken: boolean
  readonly children: readonly ArgumentNode[]
}

/**
 * What Redis calls a group (alternatives or a block) whose name is not that of its members, joined by '_'.
 * "command members" goes before "members".
 */
const GROUP_NAMES: Readonly<Record<string, string>> = {
  and_or_xor_not: 'operation',
  asc_desc: 'order',
  async_sync: 'async',
  before_after: 'where',
  byte_bit: 'index_unit',
  count_reset: 'operation',
  'client-id_normal_master_slave_pubsub_username_ip:port_ip:port_yes_no': 'new-format',
  encoding_offset_value_encoding_offset_increment: 'write_operation',
  encoding_offset_write: 'operation',
  end_index_unit: 'end_index',
  force_takeover: 'options',
  'ip:port_new-format': 'filter',
  'key_empty-string': 'key-selector',
  left_right: 'where',
  module_category_pattern: 'filterby',
  'module-name_category_pattern': 'filterby',
  'node-id_node-id_node-id_stable': 'subcommand',
  normal_master_slave_replica_pubsub: 'normal_master_slave_pubsub',
  nx_xx: 'condition',
  nx_xx_gt_lt: 'condition',
  on_off: 'enabled',
  password_username_password: 'authentication',
  protover_username_password_clientname: 'arguments',
  'seconds_milliseconds_unix-time-seconds_unix-time-milliseconds_keepttl': 'expiration',
  'seconds_milliseconds_unix-time-seconds_unix-time-milliseconds_persist': 'expiration',
  start_end_index: 'index',
  start_end_index_unit: 'index',
  wrap_sat_fail_write_operation: 'write',
  write_all: 'mode',
  'CLIENT|CACHING yes_no': 'mode',
  'CLIENT|TRACKING on_off': 'status',
}

/** Keywords that are not their own name. */
const TOKEN_NAMES: Readonly<Record<string, string>> = { ALPHA: 'sorting', '""': 'empty-string' }

/** Types of values by name; a value that is not here is a string. "command name" goes before "name". */
const TYPES: Readonly<Record<string, ArgumentType>> = {
  bit: 'integer',
  bits: 'integer',
  'client-id': 'integer',
  cluster_bus_port: 'integer',
  'config-epoch': 'integer',
  count: 'integer',
  cursor: 'integer',
  db: 'integer',
  decrement: 'integer',
  'destination-db': 'integer',
  end: 'integer',
  'end-slot': 'integer',
  frequency: 'integer',
  increment: 'integer',
  index: 'integer',
  index1: 'integer',
  index2: 'integer',
  len: 'integer',
  milliseconds: 'integer',
  'num-matches': 'integer',
  numkeys: 'integer',
  numreplicas: 'integer',
  offset: 'integer',
  pattern: 'pattern',
  port: 'integer',
  protover: 'integer',
  rank: 'integer',
  seconds: 'integer',
  slot: 'integer',
  start: 'integer',
  'start-slot': 'integer',
  stop: 'integer',
  timeout: 'double',
  ttl: 'integer',
  'unix-time-milliseconds': 'unix-time',
  'unix-time-seconds': 'unix-time',
  version: 'integer',
  'INCRBYFLOAT increment': 'double',
  'SETBIT value': 'integer',
  'BITFIELD value': 'integer',
  'CLIENT|PAUSE timeout': 'integer',
  'MIGRATE timeout': 'integer',
  'WAIT timeout': 'integer',
}

/** What is known while the arguments are walked from left to right. */
interface Walk {
  readonly command: string
  readonly keys: readonly KeySpec[]
  /** Index of the next argument; NaN once something before it may be left out or repeated. */
  position: number
}

/** The arguments of a command; `name` is in upper case, with '|' before a subcommand. */
export function argumentTree(name: string, spec: CommandSpec): ArgumentNode[] {
  const walk = { command: name, keys: spec.keys ?? [], position: name.split('|').length }
  const nodes = parseSyntax(spec.syntax).map((node) => describe(walk, node))
  return distinguish(nodes)
}

/** Two groups of one name are where something comes from and where it goes to (LMOVE). */
function distinguish(nodes: ArgumentNode[]): ArgumentNode[] {
  const twins = nodes.filter((node) => node.name === 'where')
  if (twins.length !== 2) return nodes
  return nodes.map((node) => {
    const at = twins.indexOf(node)
    return at === -1 ? node : { ...node, name: at === 0 ? 'wherefrom' : 'whereto' }
  })
}

function describe(walk: Walk, node: SyntaxNode): ArgumentNode {
  const described = withToken(walk, node, '')
  if (node.optional || node.multiple) walk.position = Number.NaN
  return { ...described, optional: node.optional, multiple: described.multiple || node.multiple }
}

/** The node itself, `token` being the keyword in front of it. */
function withToken(walk: Walk, node: SyntaxNode, token: string): ArgumentNode {
  if (node.kind === 'token') {
    walk.position++
    const name = TOKEN_NAMES[node.text] ?? node.text.toLowerCase()
    return { ...PLAIN, name, type: 'pure-token', token: node.text }
  }
  if (node.kind === 'value') {
    const keySpec = keySpecOf(walk, token)
    walk.position++
    return { ...PLAIN, name: node.text, type: typeOf(walk, node.text, keySpec), keySpec, token }
  }
  const [first, ...rest] = node.children
  const isKeyword = node.kind === 'block' && first.kind === 'token' && rest.some((n) => n.kind !== 'token')
  if (!isKeyword) return group(walk, node.kind, node.children, token)
  walk.position++
  const multipleToken = node.multiple
  const only = rest.length === 1 ? rest[0] : null
  const behind =
    only === null
      ? group(walk, 'block', rest, first.text)
      : { ...withToken(walk, only, first.text), multiple: only.multiple }
  return { ...behind, multipleToken }
}

function group(
  walk: Walk,
  type: 'oneof' | 'block',
  nodes: readonly SyntaxNode[],
  token: string,
): ArgumentNode {
  const start = walk.position
  const children = nodes.map((node) => {
    if (type === 'oneof') walk.position = start
    return describe(walk, node)
  })
  if (type === 'oneof' && children.some((child) => child.type !== 'pure-token')) walk.position = Number.NaN
  const joined = children.map((child) => child.name).join('_')
  const name = GROUP_NAMES[`${walk.command} ${joined}`] ?? GROUP_NAMES[joined] ?? joined
  return { ...PLAIN, name, type, token, children }
}

const PLAIN: ArgumentNode = {
  name: '',
  type: 'string',
  keySpec: -1,
  token: '',
  optional: false,
  multiple: false,
  multipleToken: false,
  children: [],
}

function typeOf(walk: Walk, name: string, keySpec: number): ArgumentType {
  const type = TYPES[`${walk.command} ${name}`] ?? TYPES[name] ?? 'string'
  return keySpec === -1 || type === 'pattern' ? type : 'key'
}

/** The key specification that finds the argument at hand; `token` is the keyword in front of it. */
function keySpecOf({ keys, position }: Walk, token: string): number {
  return keys.findIndex(({ begin, find, flags, notes }) => {
    if (flags.includes('not_key')) return false
    if (begin.type === 'keyword') return begin.keyword === token
    // Only its note tells which keyword a key is behind: "For the optional STORE keyword."
    if (begin.type === 'unknown') return token !== '' && new RegExp(`\\b${token}\\b`).test(notes ?? '')
    if (find.type === 'keynum') return position === begin.index + find.first
    if (find.type === 'unknown') return false
    const last = find.last < 0 ? begin.index : begin.index + find.last
    return position >= begin.index && position <= last && (position - begin.index) % find.step === 0
  })
}
