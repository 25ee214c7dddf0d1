/**
 * Copies of the arguments of commands that wait, made from copies that nobody needs any more: bytes outside the
 * heap, freshly allocated for every BLPOP, cost the garbage collector more than the rest of it (bench/blocking).
 */
import { Arguments } from '../protocol/arguments.ts'
import { newBlock } from '../structures/block.ts'

/** What a reusable copy holds: the arguments of nearly every blocking command. */
const BYTES = 128
const COUNT = 8
/** Enough for whoever is served and waits again within one turn. */
const SPARE_MAX = 256

export class KeptArguments {
  private readonly spare: Arguments[]

  constructor() {
    this.spare = []
  }

  /** A copy that stays valid until it is given back. */
  copy(args: Arguments): Arguments {
    if (args.count > COUNT || args.byteLength > BYTES) return Arguments.copyOf(args)
    const copy = this.spare.pop() ?? newCopy()
    copy.fill(args)
    return copy
  }

  /** The copy will not be looked at again. */
  giveBack(copy: Arguments): void {
    const reusable = copy.offsets.length === COUNT && copy.block.bytes.length === BYTES
    if (reusable && this.spare.length < SPARE_MAX) this.spare.push(copy)
  }
}

function newCopy(): Arguments {
  const copy = new Arguments(COUNT)
  copy.block = newBlock(BYTES)
  return copy
}
