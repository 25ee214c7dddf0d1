/** Every command family the server has: what the dispatcher is handed. */
import type { Family } from '../engine/command.ts'
import { aclCommands } from './acl.ts'
import { appendOnlyCommands } from './append-only.ts'
import { bitmapCommands } from './bits.ts'
import { blockingListCommands } from './blocking-lists.ts'
import { clientCommands } from './client.ts'
import { clusterCommands } from './cluster.ts'
import { commandCommands } from './command-info.ts'
import { configCommands } from './config.ts'
import { connectionCommands } from './connection.ts'
import { counterCommands } from './counters.ts'
import { databaseCommands } from './databases.ts'
import { debugCommands } from './debug.ts'
import { dumpCommands } from './dump.ts'
import { expireCommands } from './expire.ts'
import { infoCommands } from './info.ts'
import { keyCommands } from './keys.ts'
import { latencyCommands } from './latency.ts'
import { lcsCommands } from './lcs.ts'
import { listSearchCommands } from './list-search.ts'
import { listCommands } from './lists.ts'
import { memoryCommands } from './memory.ts'
import { migrateCommands } from './migrate.ts'
import { monitorCommands } from './monitor.ts'
import { objectCommands } from './object.ts'
import { persistenceCommands } from './persistence.ts'
import { pubsubCommands } from './pubsub.ts'
import { reloadCommands } from './reload.ts'
import { scanCommands } from './scan.ts'
import { serverCommands } from './server.ts'
import { slowlogCommands } from './slowlog.ts'
import { sortCommands } from './sort.ts'
import { stringCommands } from './strings.ts'
import { transactionCommands } from './transactions.ts'
import { waitCommands } from './wait.ts'

export const families: readonly Family[] = [
  connectionCommands,
  aclCommands,
  clientCommands,
  serverCommands,
  persistenceCommands,
  appendOnlyCommands,
  commandCommands,
  configCommands,
  reloadCommands,
  infoCommands,
  debugCommands,
  memoryCommands,
  monitorCommands,
  slowlogCommands,
  latencyCommands,
  transactionCommands,
  databaseCommands,
  keyCommands,
  expireCommands,
  scanCommands,
  objectCommands,
  dumpCommands,
  migrateCommands,
  sortCommands,
  stringCommands,
  counterCommands,
  lcsCommands,
  bitmapCommands,
  listCommands,
  listSearchCommands,
  blockingListCommands,
  pubsubCommands,
  waitCommands,
  clusterCommands,
]
