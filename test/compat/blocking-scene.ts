/**
 * Scenes of several clients, some of them blocked, in lock-step on two servers. After every line all that can be
 * received has been received, on both, and is compared by client. Where every command is answered at once,
 * compare.ts and scene.ts are simpler.
 *
 *   'a BLPOP k 0'          client a sends a command; clients are opened when first named
 *   'b CLIENT UNBLOCK {a}' the id that the server gave client a
 *   'a! PING'              a command that is not answered (CLIENT REPLY OFF)
 *   'a= BLPOP k 0.01'      a command whose answer is waited for, and 'a=' waits for what is still to be answered
 *   's SUBSCRIBE c'        a client whose name begins with s is asked by PING for all it has been sent
 *   'a EXIT'               a hangs up
 *
 * A line is done when each client either has all its answers or is blocked, as the server's CLIENT LIST says.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Pair } from './compare.ts'
import { encodeCommand, frameEnd, printable, RawClient } from './raw-client.ts'
import { splitArguments } from './steps.ts'

export interface BlockingSceneOptions {
  /** Applied to what has been received for a line, before it is compared. */
  readonly normalize?: (text: string) => string
}

const DONE_WITHIN_MS = 5000

/** Plays the scene on both, flushed before; rejects with the lines up to the first difference. */
export async function compareBlockingScene(
  pair: Pair,
  lines: readonly string[],
  protocol: 2 | 3,
  options: BlockingSceneOptions = {},
): Promise<void> {
  const oracle = new Stage(pair.oracle.port, protocol)
  const ours = new Stage(pair.respite.port, protocol)
  const normalize = options.normalize ?? ((text: string) => text)
  try {
    await Promise.all([oracle.open(), ours.open()])
    for (const [index, line] of lines.entries()) {
      const [theirs, mine] = await Promise.all([oracle.play(line), ours.play(line)])
      if (normalize(theirs) === normalize(mine)) continue
      const before = lines.slice(0, index + 1).join('\n  ')
      throw new Error(`scenes differ (RESP${protocol})\n  ${before}\n oracle:\n${theirs}\n respite:\n${mine}`)
    }
  } finally {
    await Promise.all([oracle.close(), ours.close()])
  }
}

/** One client of a scene. */
class Player {
  readonly name: string
  readonly socket: Socket
  id: number = 0
  /** Commands sent and not answered. */
  outstanding: number = 0
  closed: boolean = false
  private received: Buffer = Buffer.alloc(0)
  /** Whole frames in it. */
  private frames: number = 0

  constructor(name: string, port: number) {
    this.name = name
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk])
      const before = this.frames
      this.frames = countFrames(this.received)
      this.outstanding -= this.frames - before
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.closed = true
      this.outstanding = 0
    })
  }

  send(args: readonly string[], answers: number): void {
    this.outstanding += answers
    this.socket.write(encodeCommand(args))
  }

  /** What has been received since the last call. */
  take(): Buffer {
    const bytes = this.received
    this.received = Buffer.alloc(0)
    this.frames = 0
    return bytes
  }

  includes(text: string): boolean {
    return this.received.includes(text)
  }

  async until(done: () => boolean): Promise<void> {
    const deadline = Date.now() + DONE_WITHIN_MS
    while (!done() && !this.closed) {
      if (Date.now() > deadline) throw new Error(`${this.name} waits in vain: ${printable(this.received)}`)
      await sleep(1)
    }
  }
}

function countFrames(bytes: Buffer): number {
  let count = 0
  for (let at = 0; at < bytes.length; count++) {
    at = frameEnd(bytes, at)
    if (at > bytes.length) break
  }
  return count
}

/** One server with the scene's clients. */
class Stage {
  private readonly port: number
  private readonly protocol: 2 | 3
  private readonly players = new Map<string, Player>()
  private control: RawClient | null = null

  constructor(port: number, protocol: 2 | 3) {
    this.port = port
    this.protocol = protocol
  }

  async open(): Promise<void> {
    this.control = await RawClient.open(this.port)
    for (const command of ['FLUSHALL', 'CONFIG RESETSTAT']) await this.control.call(...command.split(' '))
  }

  /** Plays a line and returns what everybody received, one client a line. */
  async play(line: string): Promise<string> {
    await this.act(line)
    await this.settle()
    await this.askSubscribers()
    let text = ''
    for (const [name, player] of this.players) {
      const bytes = player.take()
      if (bytes.length > 0) text += `    ${name}: ${printable(bytes, 4000)}\n`
      if (!player.closed) continue
      text += `    ${name} is closed\n`
      this.players.delete(name)
    }
    return text
  }

  async close(): Promise<void> {
    for (const player of this.players.values()) {
      player.socket.end()
      await player.until(() => player.closed).catch(() => player.socket.destroy())
    }
    await this.control?.hangUp()
  }

  private async act(line: string): Promise<void> {
    const [who, ...command] = splitArguments(line)
    const name = who.replace(/[!=]$/, '')
    const player = this.players.get(name) ?? (await this.enter(name))
    if (command[0] === 'EXIT') {
      player.socket.end()
      await player.until(() => player.closed)
      return
    }
    const args = command.map((arg) => arg.replace(/^\{(\w+)\}$/, (_, other: string) => this.idOf(other)))
    if (args.length > 0) player.send(args, who.endsWith('!') ? 0 : 1)
    if (who.endsWith('!')) await this.ran(player, args[0].toLowerCase())
    if (who.endsWith('=')) await player.until(() => player.outstanding === 0)
  }

  /** Waits until the command is the client's last: all there is to see of one without an answer. */
  private async ran(player: Player, command: string): Promise<void> {
    const deadline = Date.now() + DONE_WITHIN_MS
    for (;;) {
      const last = (await this.clients()).get(player.id)?.command
      if (last?.startsWith(command)) return
      if (Date.now() > deadline) throw new Error(`${player.name} does not get to ${command}`)
      await sleep(1)
    }
  }

  private idOf(name: string): string {
    return String(this.players.get(name)?.id ?? 0)
  }

  private async enter(name: string): Promise<Player> {
    const player = new Player(name, this.port)
    player.send(['HELLO', `${this.protocol}`], 1)
    player.send(['CLIENT', 'ID'], 1)
    await player.until(() => player.outstanding === 0)
    player.id = Number(/:(\d+)\r\n$/.exec(player.take().toString('latin1'))?.[1])
    this.players.set(name, player)
    return player
  }

  /** Waits until nobody has anything to receive any more. */
  private async settle(): Promise<void> {
    const deadline = Date.now() + DONE_WITHIN_MS
    for (;;) {
      const waiting = [...this.players.values()].filter((player) => player.outstanding > 0)
      // Asked after the look at the answers: a command that has been answered has served whom it could.
      const clients = await this.clients()
      if (waiting.every((player) => clients.get(player.id)?.blocked)) {
        // Of a pipeline, answers in front of the command that blocks may still be on their way.
        if (waiting.some((player) => player.outstanding > 1)) await sleep(3)
        return
      }
      if (Date.now() > deadline) {
        throw new Error(`no answer on port ${this.port} for ${waiting.map(({ name }) => name).join(', ')}`)
      }
      await sleep(1)
    }
  }

  /** What CLIENT LIST says, by id. */
  private async clients(): Promise<Map<number, { blocked: boolean; command: string }>> {
    const list = ((await this.control?.call('CLIENT', 'LIST')) ?? '').toString('latin1')
    const found = list.matchAll(/id=(\d+) .* flags=(\w+) .* cmd=(\S+) /g)
    return new Map(
      [...found].map(([, id, flags, command]) => [Number(id), { blocked: flags.includes('b'), command }]),
    )
  }

  private async askSubscribers(): Promise<void> {
    for (const player of this.players.values()) {
      if (!player.name.startsWith('s') || player.closed) continue
      player.send(['PING', 'is-that-all'], 0)
      await player.until(() => player.includes('is-that-all'))
      player.outstanding = 0
    }
  }
}
