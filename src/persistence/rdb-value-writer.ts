/** One value of the keyspace as RDB bytes: its type and its body, as files and DUMP payloads have them. */
import { type Entry, TYPE_LIST } from '../keyspace/entry.ts'
import type { ListView } from '../values/list-value.ts'
import { RDB_STRING } from './rdb-format.ts'
import { RdbListWriter } from './rdb-list-writer.ts'
import type { RdbOutput } from './rdb-output.ts'

export class RdbValueWriter {
  output: RdbOutput
  readonly lists: RdbListWriter
  private readonly list: ListView

  /** Writes to `output`; `list` is the view through which it reads lists. */
  constructor(output: RdbOutput, list: ListView) {
    this.output = output
    this.list = list
    this.lists = new RdbListWriter()
  }

  /** Writes the type of the entry's value. */
  type(entry: Entry): void {
    this.output.byte(entry.type === TYPE_LIST ? this.lists.type : RDB_STRING)
  }

  /** Writes the entry's value. */
  value(entry: Entry): void {
    const { output, list } = this
    if (entry.type !== TYPE_LIST) {
      output.string(entry.block, entry.valueOffset, entry.valueLength)
      return
    }
    list.point(entry.block, entry.valueOffset)
    this.lists.list(output, list)
  }
}
