/** Whether an RDB file would load, found out without a server and without keeping what is in it: `respite check-rdb`. */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { Configuration } from '../config/configuration.ts'
import { reasonOf } from '../config/system-errors.ts'
import { Keyspace } from '../keyspace/keyspace.ts'
import { SystemClock } from '../platform/clock.ts'
import { systemRandom } from '../platform/random.ts'
import { RdbFileInput } from './rdb-file.ts'
import { loadFault } from './rdb-load.ts'
import { type RdbObserver, RdbReader } from './rdb-reader.ts'

/** redis-check-rdb's names of value types, by number. */
const TYPES: readonly string[] = [
  'string',
  'list-linked',
  'set-hashtable',
  'zset-v1',
  'hash-hashtable',
  'zset-v2',
  'module-pre-release',
  'module-value',
  '',
  'hash-zipmap',
  'list-ziplist',
  'set-intset',
  'zset-ziplist',
  'hash-ziplist',
  'quicklist',
  'stream',
  'hash-listpack',
  'zset-listpack',
  'quicklist-v2',
  'stream-v2',
  'set-listpack',
  'stream-v3',
]

type Print = (text: string) => void

/** Reads the file at `path`, printing what it finds in redis-check-rdb's words. Returns the exit code: 0 for a good file. */
export function checkRdb(path: string, print: Print): number {
  return checkFile(path, print, false) < 0 ? 1 : 0
}

/** The same for a file in which something may follow the RDB part. Returns where that ends, or -1 for a bad one. */
export function checkRdbPreamble(path: string, print: Print): number {
  return checkFile(path, print, true)
}

function checkFile(path: string, print: Print, open: boolean): number {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    print(`Cannot open file ${path}: ${reasonOf(error)}\n`)
    return -1
  }
  try {
    print(`[offset 0] Checking RDB file ${path}\n`)
    return check(new RdbFileInput(file, fstatSync(file).size), print, open)
  } finally {
    closeSync(file)
  }
}

/** Returns where the RDB part ends, or -1. */
function check(input: RdbFileInput, print: Print, open: boolean): number {
  const say = (text: string): void => print(`[offset ${input.position}] ${text}\n`)
  const keyspace = new Keyspace(new Configuration().settings, new SystemClock(), systemRandom())
  const reader = new RdbReader(keyspace, input, observer(say), { keep: false, open })
  let fault = ''
  try {
    reader.read(Number.POSITIVE_INFINITY)
    say('\\o/ RDB looks OK! \\o/')
  } catch (error) {
    const reason = loadFault(error)
    if (reason === null) throw error
    fault = reason
  }
  if (fault !== '') {
    print('--- RDB ERROR DETECTED ---\n')
    say(fault)
    printPlace(reader, print)
  }
  print(`[info] ${reader.keys} keys read\n`)
  print(`[info] ${reader.deadlines} expires\n`)
  print(`[info] ${reader.expired} already expired\n`)
  return fault === '' ? input.position : -1
}

function observer(say: Print): RdbObserver {
  return {
    remark: (name, value) => say(`AUX FIELD ${name} = '${value}'`),
    database: (id) => say(`Selecting DB ID ${id}`),
    checksum: (state) =>
      say(
        state === 'right' ? 'Checksum OK' : 'RDB file was saved with checksum disabled: no check performed.',
      ),
    emptyKey: () => {},
  }
}

function printPlace({ stage, keyBeingRead, type }: RdbReader, print: Print): void {
  print(`[additional info] While doing: ${stage}\n`)
  if (keyBeingRead !== '') print(`[additional info] Reading key '${keyBeingRead}'\n`)
  if (type !== -1) print(`[additional info] Reading type ${type} (${TYPES[type] ?? 'unknown'})\n`)
}
