/** One value of the keyspace as RDB bytes: its type and its body, as files and DUMP payloads have them. */
import { type Entry, TYPE_LIST } from '../keyspace/entry.ts'
import type { ListView } from '../values/list-value.ts'
import { listpackAppend, listpackBegin, listpackEnd } from './listpack.ts'
import { NODE_PACKED, NODE_PLAIN, RDB_LIST_QUICKLIST_2, RDB_STRING } from './rdb-format.ts'
import { RdbOutput } from './rdb-output.ts'

/*
 * A list is written as a quicklist, whose nodes are counted before they come. What Redis would keep in one
 * listpack is one node, so that it is a listpack again wherever it is loaded; of any other list each chunk is a
 * node, for which nothing has to be counted or kept together beyond a chunk. An element with a chunk of its own
 * is a plain node, its bytes as they are.
 */
export class RdbValueWriter {
  private readonly output: RdbOutput
  private readonly list: ListView
  /** The listpack being made. */
  private readonly node: RdbOutput

  /** Writes to `output`; `list` is the view through which it reads lists. */
  constructor(output: RdbOutput, list: ListView) {
    this.output = output
    this.list = list
    this.node = new RdbOutput()
  }

  /** Writes the type of the entry's value. */
  type(entry: Entry): void {
    this.output.byte(entry.type === TYPE_LIST ? RDB_LIST_QUICKLIST_2 : RDB_STRING)
  }

  /** Writes the entry's value. */
  value(entry: Entry): void {
    if (entry.type !== TYPE_LIST) {
      this.output.string(entry.block, entry.valueOffset, entry.valueLength)
      return
    }
    this.list.point(entry.block, entry.valueOffset)
    if (this.list.isQuicklist) this.quicklist()
    else this.listpack()
  }

  private listpack(): void {
    const { list } = this
    this.output.size(1)
    listpackBegin(this.node)
    for (let standing = list.seek(0); standing; standing = list.advance()) this.append()
    this.packedNode(list.length)
  }

  private quicklist(): void {
    const { list, output } = this
    output.size(list.chunkCount)
    let standing = list.seek(0)
    while (standing) {
      output.spillIfMuch()
      const left = list.chunkElements
      if (list.isLoneChunk) {
        output.size(NODE_PLAIN)
        output.string(list.elementBlock, list.elementOffset, list.elementLength)
        standing = list.advance()
        continue
      }
      listpackBegin(this.node)
      for (let i = 0; i < left; i++) {
        this.append()
        standing = list.advance()
      }
      this.packedNode(left)
    }
  }

  private append(): void {
    const { list } = this
    listpackAppend(this.node, list.elementBlock, list.elementOffset, list.elementLength)
  }

  private packedNode(count: number): void {
    const { node, output } = this
    listpackEnd(node, count)
    output.size(NODE_PACKED)
    output.string(node.block, 0, node.length)
    node.clear()
  }
}
