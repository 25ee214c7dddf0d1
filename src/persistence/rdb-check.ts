/** Whether an RDB file would load, found out without a server and without keeping what is in it: `respite check-rdb`. */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { Configuration } from '../config/configuration.ts'
import { reasonOf } from '../config/system-errors.ts'
import { Keyspace } from '../keyspace/keyspace.ts'
import { SystemClock } from '../platform/clock.ts'
import { systemRandom } from '../platform/random.ts'
import { RdbFileInput } from './rdb-file.ts'
import { RdbError } from './rdb-format.ts'
import { RdbReader } from './rdb-reader.ts'

/** Reads the file at `path`, printing what it finds in redis-check-rdb's words. Returns the exit code: 0 for a good file. */
export function checkRdb(path: string, print: (text: string) => void): number {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    print(`Cannot open file ${path}: ${reasonOf(error)}\n`)
    return 1
  }
  const keyspace = new Keyspace(new Configuration().settings, new SystemClock(), systemRandom())
  try {
    print(`[offset 0] Checking RDB file ${path}\n`)
    const input = new RdbFileInput(file, fstatSync(file).size)
    const reader = new RdbReader(keyspace, input, false)
    const fault = faultOf(reader)
    for (const [name, value] of reader.remarks) print(`[info] AUX FIELD ${name} = '${value}'\n`)
    if (fault === null) print(`[offset ${input.position}] \\o/ RDB looks OK! \\o/\n`)
    else print(`--- RDB ERROR DETECTED ---\n[offset ${input.position}] ${fault}\n`)
    print(`[info] ${reader.loaded + reader.expired} keys read\n[info] ${reader.expired} already expired\n`)
    return fault === null ? 0 : 1
  } finally {
    closeSync(file)
  }
}

function faultOf(reader: RdbReader): string | null {
  try {
    reader.run()
    return null
  } catch (error) {
    if (error instanceof RdbError) return error.message
    if ((error as NodeJS.ErrnoException).syscall !== undefined) return reasonOf(error)
    throw error
  }
}
