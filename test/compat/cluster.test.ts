/** CLUSTER and its like beside a redis-server that is no node of a cluster. */
import { on } from './steps.ts'
import { compat } from './suite.ts'

const SUBCOMMANDS = [
  'ADDSLOTS 1 2',
  'ADDSLOTSRANGE 1 2 3 4',
  'ADDSLOTSRANGE 1 2 3',
  'BUMPEPOCH',
  'COUNT-FAILURE-REPORTS id',
  'COUNTKEYSINSLOT 1',
  'DELSLOTS 1',
  'DELSLOTSRANGE 1 2',
  'FAILOVER',
  'FAILOVER FORCE',
  'FLUSHSLOTS',
  'FORGET id',
  'GETKEYSINSLOT 1 10',
  'HELP',
  'INFO',
  'KEYSLOT k',
  'LINKS',
  'MEET 127.0.0.1 6379',
  'MYID',
  'NODES',
  'REPLICAS id',
  'REPLICATE id',
  'RESET HARD',
  'SAVECONFIG',
  'SET-CONFIG-EPOCH 1',
  'SETSLOT 1 STABLE',
  'SHARDS',
  'SLAVES id',
  'SLOTS',
]

compat('cluster', ({ script }) => {
  script('every subcommand is refused, with too few arguments for their number', [
    ...SUBCOMMANDS.map((line) => `CLUSTER ${line}`),
    ...SUBCOMMANDS.map((line) => `CLUSTER ${line.split(' ')[0].toLowerCase()}`),
    ...SUBCOMMANDS.map((line) => `CLUSTER ${line} a b c d e f`),
    'CLUSTER',
    'CLUSTER NOSUCH',
    ['CLUSTER', ''],
    'cluster help',
  ])

  script('READONLY, READWRITE and ASKING', [
    'READONLY',
    'READWRITE',
    'ASKING',
    'READONLY x',
    'READWRITE x',
    'ASKING x',
  ])

  script('inside MULTI they are queued, and refused when they run', [
    'MULTI',
    'CLUSTER INFO',
    'READONLY',
    'ASKING',
    'SET k v',
    'EXEC',
    'MULTI',
    'CLUSTER KEYSLOT',
    'EXEC',
    'MULTI',
    'CLUSTER NOSUCH',
    'EXEC',
  ])

  script('they have no keys, and users are allowed them one by one', [
    'COMMAND GETKEYS CLUSTER KEYSLOT k',
    'COMMAND GETKEYS CLUSTER NOSUCH',
    'COMMAND GETKEYS ASKING x',
    'ACL SETUSER one on nopass -@all +auth +cluster|info +@connection',
    'ACL DRYRUN one CLUSTER INFO',
    'ACL DRYRUN one CLUSTER NODES',
    'ACL DRYRUN one READONLY',
    'ACL DRYRUN one ASKING',
    on('other', 'AUTH one x'),
    on('other', 'CLUSTER INFO'),
    on('other', 'CLUSTER NODES'),
    on('other', 'READWRITE'),
    'ACL DELUSER one',
  ])
})
