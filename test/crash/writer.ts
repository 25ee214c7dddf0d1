/** A client that writes numbered steps, some of them together, until its server dies. */
import { connect, type Socket } from 'node:net'
import Parser from 'redis-parser'
import type { Dice } from '../compat/random.ts'
import { encodeCommand } from '../compat/raw-client.ts'
import { randomStep, type State, type Step } from './model.ts'

/** Steps that may be unanswered. */
const IN_FLIGHT = 8

export class Writer {
  readonly id: number
  /** What its keys held before `steps`. */
  before: State = new Map()
  /** Sent since. */
  steps: Step[] = []
  /** How many of them have been answered; they are answered in order. */
  acked = 0
  private readonly dice: Dice
  private sequence = 0
  private repliesLeft = 0
  private socket: Socket | null = null
  /** The first error reply. */
  failure: Error | null = null

  constructor(id: number, dice: Dice) {
    this.id = id
    this.dice = dice
  }

  /** Connects and writes until the server's end. */
  async start(port: number): Promise<void> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const parser = new Parser({
      returnReply: (reply: unknown) => this.replied(reply),
      returnError: (error: Error) => this.fail(error),
      returnFatalError: (error: Error) => this.fail(error),
    })
    await new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => parser.execute(chunk))
    this.socket = socket
    this.repliesLeft = 0
    this.write()
  }

  /** Resolves when the connection is closed, by the server's end or the deadline, and all that came was read. */
  async ended(): Promise<void> {
    const { socket } = this
    if (socket === null || socket.closed) return
    const patience = setTimeout(() => socket.destroy(), 2000)
    await new Promise((resolve) => socket.once('close', resolve))
    clearTimeout(patience)
    this.socket = null
  }

  private write(): void {
    const { socket, dice } = this
    if (socket === null || socket.destroyed) return
    const batch: Buffer[] = []
    for (let left = dice.between(1, IN_FLIGHT); left > 0; left--) {
      if (this.steps.length - this.acked >= IN_FLIGHT) break
      const step = randomStep(dice, this.id, this.sequence++)
      this.steps.push(step)
      for (const command of step.commands) batch.push(encodeCommand(command))
    }
    if (batch.length > 0) socket.write(Buffer.concat(batch))
    if (this.repliesLeft === 0) this.repliesLeft = this.steps[this.acked].commands.length
  }

  private replied(reply: unknown): void {
    if (this.socket === null) return
    if (reply === null && this.steps[this.acked].commands[0][0] === 'MULTI')
      this.fail(new Error('EXEC refused'))
    if (--this.repliesLeft > 0) return
    this.steps[this.acked++].ackedAt = Date.now()
    if (this.acked < this.steps.length) this.repliesLeft = this.steps[this.acked].commands.length
    // Now and then all of it is answered before the next, and turns of the server stay small.
    if (this.acked === this.steps.length) setTimeout(() => this.write(), this.dice.below(3))
    else if (this.dice.oneIn(3)) this.write()
  }

  private fail(error: Error): void {
    this.failure ??= error
    this.socket?.destroy()
  }
}
