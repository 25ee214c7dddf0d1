/**
 * Scenes: lines of a play of several clients, run on two servers, with every frame that every client receives
 * after each line compared. Unlike compare.ts's scripts a scene can name a client's id, and nobody's frames are
 * counted beforehand.
 *
 *   scene(pair, ['a: CLIENT TRACKING ON REDIRECT @t', 'a: GET k ; SET k 1', 'b: (wait 20)'])
 *
 * Commands between " ; " are sent at once. After a line each client says CLIENT GETNAME, whose answer ends what
 * it has received: CLIENT CACHING's next command is none of CLIENT's.
 */
import type { Pair } from './compare.ts'
import { encodeCommand, printable, RawClient } from './raw-client.ts'
import { splitArguments } from './steps.ts'

/** What a frame of either server becomes before it is compared. */
export type Normalize = (text: string) => string

/** One client and what tells how its next frames can be awaited. */
class Actor {
  readonly name: string
  readonly client: RawClient
  readonly id: string
  queueing = false
  subscribed = false
  monitors = false
  resp = 2

  constructor(name: string, client: RawClient, id: string) {
    this.name = name
    this.client = client
    this.id = id
  }

  get marker(): string {
    return `drained-${this.name}`
  }
}

class Stage {
  readonly actors = new Map<string, Actor>()
  /** Name by id, of those too who have left. */
  readonly names = new Map<string, string>()
  readonly port: number

  constructor(port: number) {
    this.port = port
  }

  /** Plays one line; resolves with what each client received, by its name. */
  async play(line: string): Promise<Map<string, string[]>> {
    const [, name, text] = /^(\w+): (.*)$/s.exec(line) ?? []
    const actor = this.actors.get(name) ?? (await this.enter(name))
    const received = new Map<string, string[]>()
    const wait = /^\(wait (\d+)\)$/.exec(text)
    if (wait) await new Promise((resolve) => setTimeout(resolve, Number(wait[1])))
    else await this.say(actor, text, received)
    // Twice: when the first round has been answered, the turn that runs the line is over for everyone.
    for (const other of [...this.actors.values(), ...this.actors.values()]) {
      if (other.queueing) continue
      received.set(other.name, [...(received.get(other.name) ?? []), ...(await drain(other))])
    }
    return received
  }

  async end(): Promise<void> {
    await Promise.all([...this.actors.values()].map(({ client }) => client.hangUp()))
  }

  private async enter(name: string): Promise<Actor> {
    const client = await RawClient.open(this.port, 5000)
    const actor = new Actor(name, client, (await client.call('CLIENT', 'ID')).toString().slice(1, -2))
    await client.call('CLIENT', 'SETNAME', actor.marker)
    this.actors.set(name, actor)
    this.names.set(actor.id, name)
    return actor
  }

  private async say(actor: Actor, text: string, received: Map<string, string[]>): Promise<void> {
    const commands = text
      .split(' ; ')
      .map((command) =>
        splitArguments(command).map((word) =>
          word.replace(/^@(\w+)$/, (_, name: string) => this.actors.get(name)?.id ?? word),
        ),
      )
    actor.client.write(Buffer.concat(commands.map((command) => encodeCommand(command))))
    for (const [word, argument] of commands.map((command) => command.map((part) => part.toUpperCase()))) {
      if (word === 'MULTI') actor.queueing = true
      else if (word === 'EXEC' || word === 'DISCARD' || word === 'RESET') actor.queueing = false
      if (word === 'HELLO') actor.resp = Number(argument ?? actor.resp)
      if (word === 'SUBSCRIBE') actor.subscribed = true
      else if (word === 'UNSUBSCRIBE' || word === 'RESET') actor.subscribed = false
      if (word === 'RESET') actor.resp = 2
      if (word === 'MONITOR' || word === 'RESET') actor.monitors = word === 'MONITOR'
    }
    const last = commands.at(-1)?.[0].toUpperCase()
    if (last === 'QUIT') {
      received.set(actor.name, [(await actor.client.closed()).toString('latin1')])
      this.actors.delete(actor.name)
    } else if (last === 'RESET') {
      received.set(actor.name, await until(actor, (frame) => frame === '+RESET\r\n'))
      await actor.client.call('CLIENT', 'SETNAME', actor.marker)
    } else if (actor.queueing || answersEach(actor, commands)) {
      // The replies leave at the end of a turn: what the next line does belongs to another.
      let left = commands.length
      received.set(actor.name, await until(actor, (frame) => frame[0] !== '>' && --left === 0))
    }
  }
}

/** Whether each command leads to one frame that is no push, and nothing else does. */
function answersEach({ monitors, subscribed, resp }: Actor, commands: readonly string[][]): boolean {
  if (monitors || (subscribed && resp === 2)) return false
  return !commands.some((words) => words.some((word) => /SUBSCRIBE$|^REPLY$/i.test(word)))
}

/** All frames the client has received. */
async function drain(actor: Actor): Promise<string[]> {
  const inSubscribeMode = actor.subscribed && actor.resp === 2
  actor.client.write(
    inSubscribeMode ? encodeCommand(['PING', actor.marker]) : encodeCommand(['CLIENT', 'GETNAME']),
  )
  const frames = await until(actor, (frame) => frame.includes(`\n${actor.marker}\r\n`))
  return frames.slice(0, -1)
}

async function until(actor: Actor, isLast: (frame: string) => boolean): Promise<string[]> {
  const frames: string[] = []
  do frames.push((await actor.client.frame()).toString('latin1'))
  while (!isLast(frames[frames.length - 1]))
  return frames
}

/** Plays the scene on both servers, flushed before; rejects with the first line after which they differ. */
export async function scene(
  pair: Pair,
  lines: readonly string[],
  normalize: Normalize = (text) => text,
): Promise<void> {
  const stages = [new Stage(pair.oracle.port), new Stage(pair.respite.port)]
  try {
    for (const { port } of stages) {
      const client = await RawClient.open(port)
      await client.call('FLUSHALL')
      await client.hangUp()
    }
    for (const line of lines) {
      const [theirs, ours] = await Promise.all(
        stages.map(async (stage) => shown(stage, await stage.play(line), normalize)),
      )
      if (theirs !== ours) throw new Error(`after "${line}"\n  oracle:\n${theirs}\n  respite:\n${ours}`)
    }
  } finally {
    await Promise.all(stages.map((stage) => stage.end()))
  }
}

/** What was received, one client a line, ids by their names. */
function shown(stage: Stage, received: ReadonlyMap<string, string[]>, normalize: Normalize): string {
  const named = (text: string): string =>
    text
      .replace(
        /(\bredirect\r\n:|redir-broken\r\n:|\r\nid\r\n:| redir=)(\d+)/g,
        (_, before: string, id: string) =>
          `${before}${stage.names.has(id) ? `<${stage.names.get(id)}>` : id}`,
      )
      .replace(/(?<=version\r\n)\$\d+\r\n[\d.]+/, 'VERSION')
  return [...received]
    .filter(([, frames]) => frames.length > 0)
    .map(
      ([name, frames]) =>
        `    ${name}: ${printable(Buffer.from(normalize(named(frames.join(''))), 'latin1'), 4000)}`,
    )
    .join('\n')
}
