/** CLUSTER, READONLY, READWRITE and ASKING: what a server that is no node of a cluster answers, which is no. */
import { type CommandSpec, type Family, type Flag, family } from '../engine/command.ts'
import { err } from '../protocol/error-replies.ts'

const NO_CLUSTER = err('This instance has cluster support disabled')

function refuse(): never {
  throw NO_CLUSTER
}

type More = Partial<Pick<CommandSpec, 'since' | 'tips' | 'history' | 'deprecated'>>

function subcommand(
  summary: string,
  complexity: string,
  syntax: string,
  flags: readonly Flag[],
  more: More = {},
): CommandSpec {
  return { summary, since: '3.0.0', complexity, syntax, flags, run: refuse, ...more }
}

/** Looks only; looks and is for administrators; changes the cluster. */
const LOOKS: readonly Flag[] = ['stale']
const INSPECTS: readonly Flag[] = ['admin', 'stale']
const CHANGES: readonly Flag[] = ['admin', 'stale', 'no_async_loading']

const VARIES: More = { tips: ['nondeterministic_output'] }
const SINCE_7: More = { since: '7.0.0' }
const PER_NODE = 'O(N) where N is the total number of Cluster nodes'
const PER_SLOT = 'O(N) where N is the total number of hash slot arguments'
const PER_RANGE =
  'O(N) where N is the total number of the slots between the start slot and end slot arguments.'
const RANGES = 'start-slot end-slot [start-slot end-slot ...]'

const SUBCOMMANDS: Readonly<Record<string, CommandSpec>> = {
  ADDSLOTS: subcommand('Assigns new hash slots to a node.', PER_SLOT, 'slot [slot ...]', CHANGES),
  ADDSLOTSRANGE: subcommand('Assigns new hash slot ranges to a node.', PER_RANGE, RANGES, CHANGES, SINCE_7),
  BUMPEPOCH: subcommand('Advances the cluster config epoch.', 'O(1)', '', CHANGES, VARIES),
  'COUNT-FAILURE-REPORTS': subcommand(
    'Returns the number of active failure reports active for a node.',
    'O(N) where N is the number of failure reports',
    'node-id',
    INSPECTS,
    VARIES,
  ),
  COUNTKEYSINSLOT: subcommand('Returns the number of keys in a hash slot.', 'O(1)', 'slot', LOOKS),
  DELSLOTS: subcommand('Sets hash slots as unbound for a node.', PER_SLOT, 'slot [slot ...]', CHANGES),
  DELSLOTSRANGE: subcommand(
    'Sets hash slot ranges as unbound for a node.',
    PER_RANGE,
    RANGES,
    CHANGES,
    SINCE_7,
  ),
  FAILOVER: subcommand(
    'Forces a replica to perform a manual failover of its master.',
    'O(1)',
    '[FORCE | TAKEOVER]',
    CHANGES,
  ),
  FLUSHSLOTS: subcommand('Deletes all slots information from a node.', 'O(1)', '', CHANGES),
  FORGET: subcommand('Removes a node from the nodes table.', 'O(1)', 'node-id', CHANGES),
  GETKEYSINSLOT: subcommand(
    'Returns the key names in a hash slot.',
    'O(log(N)) where N is the number of requested keys',
    'slot count',
    LOOKS,
    VARIES,
  ),
  HELP: subcommand(
    'Returns helpful text about the different subcommands.',
    'O(1)',
    '',
    ['loading', 'stale'],
    { since: '5.0.0' },
  ),
  INFO: subcommand('Returns information about the state of a node.', 'O(1)', '', LOOKS, VARIES),
  KEYSLOT: subcommand(
    'Returns the hash slot for a key.',
    'O(N) where N is the number of bytes in the key',
    'key',
    LOOKS,
  ),
  LINKS: subcommand('Returns a list of all TCP links to and from peer nodes.', PER_NODE, '', LOOKS, {
    ...VARIES,
    ...SINCE_7,
  }),
  MEET: subcommand(
    'Forces a node to handshake with another node.',
    'O(1)',
    'ip port [cluster_bus_port]',
    CHANGES,
    { history: [['4.0.0', 'Added the optional `cluster_bus_port` argument.']] },
  ),
  MYID: subcommand('Returns the ID of a node.', 'O(1)', '', LOOKS),
  MYSHARDID: subcommand('Returns the shard ID of a node.', 'O(1)', '', LOOKS, {
    ...VARIES,
    since: '7.2.0',
  }),
  NODES: subcommand('Returns the cluster configuration for a node.', PER_NODE, '', LOOKS, VARIES),
  REPLICAS: subcommand('Lists the replica nodes of a master node.', 'O(1)', 'node-id', INSPECTS, {
    ...VARIES,
    since: '5.0.0',
  }),
  REPLICATE: subcommand('Configure a node as replica of a master node.', 'O(1)', 'node-id', CHANGES),
  RESET: subcommand(
    'Resets a node.',
    'O(N) where N is the number of known nodes. The command may execute a FLUSHALL as a side effect.',
    '[HARD | SOFT]',
    ['admin', 'noscript', 'stale'],
  ),
  SAVECONFIG: subcommand('Forces a node to save the cluster configuration to disk.', 'O(1)', '', CHANGES),
  'SET-CONFIG-EPOCH': subcommand(
    'Sets the configuration epoch for a new node.',
    'O(1)',
    'config-epoch',
    CHANGES,
  ),
  SETSLOT: subcommand(
    'Binds a hash slot to a node.',
    'O(1)',
    'slot <IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE>',
    CHANGES,
  ),
  SHARDS: subcommand(
    'Returns the mapping of cluster slots to shards.',
    'O(N) where N is the total number of cluster nodes',
    '',
    LOOKS,
    { ...VARIES, ...SINCE_7 },
  ),
  SLAVES: subcommand('Lists the replica nodes of a master node.', 'O(1)', 'node-id', INSPECTS, {
    ...VARIES,
    deprecated: { since: '5.0.0', replacedBy: '`CLUSTER REPLICAS`' },
  }),
  SLOTS: subcommand('Returns the mapping of cluster slots to nodes.', PER_NODE, '', LOOKS, {
    ...VARIES,
    deprecated: { since: '7.0.0', replacedBy: '`CLUSTER SHARDS`' },
    history: [
      ['4.0.0', 'Added node IDs.'],
      ['7.0.0', 'Added additional networking metadata field.'],
    ],
  }),
}

/** What READONLY and READWRITE share. */
const ONE_CONNECTION = {
  since: '3.0.0',
  complexity: 'O(1)',
  syntax: '',
  flags: ['loading', 'stale', 'fast'],
  categories: ['connection'],
  run: refuse,
} satisfies Partial<CommandSpec>

/** The commands of a cluster's nodes. */
export const clusterCommands: Family = family('cluster', {
  ASKING: {
    ...ONE_CONNECTION,
    summary: 'Signals that a cluster client is following an -ASK redirect.',
    flags: ['fast'],
  },
  CLUSTER: {
    summary: 'A container for Redis Cluster commands.',
    since: '3.0.0',
    complexity: 'Depends on subcommand.',
    syntax: '',
    flags: [],
    subcommands: SUBCOMMANDS,
  },
  READONLY: {
    ...ONE_CONNECTION,
    summary: 'Enables read-only queries for a connection to a Redis Cluster replica node.',
  },
  READWRITE: {
    ...ONE_CONNECTION,
    summary: 'Enables read-write queries for a connection to a Redis Cluster replica node.',
  },
})
