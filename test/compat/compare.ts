/** Runs a compat script on two servers in lock-step and compares the raw bytes of every reply. */
import { printable, RawClient } from './raw-client.ts'
import { DRAINED, type Step, type StepLike, toStep } from './steps.ts'

export interface Pair {
  readonly oracle: { readonly port: number }
  readonly respite: { readonly port: number }
}

export interface ScriptOptions {
  /** RESP versions to run the script in; a connection starts with HELLO 3 for 3. Default both. */
  readonly protocols?: readonly (2 | 3)[]
  /** CONFIG SET on both servers for the time of the script. */
  readonly config?: Readonly<Record<string, string>>
}

const MAX_REPORTED = 20
const REPLY_MS = 5000

/**
 * Runs the script on both servers, which are flushed first; each connection it names is new. Rejects with
 * a report of every step whose replies differ, and at once when a reply does not come.
 */
export async function compare(pair: Pair, script: readonly StepLike[], protocol: 2 | 3): Promise<void> {
  const oracle = new Side('oracle', pair.oracle.port, protocol)
  const ours = new Side('respite', pair.respite.port, protocol)
  const reports: string[] = []
  try {
    await Promise.all([oracle.reset(), ours.reset()])
    for (const [index, like] of script.entries()) {
      const step = toStep(like)
      const [expected, actual] = await Promise.allSettled([oracle.run(step), ours.run(step)])
      const report = differenceIn(step, outcome(expected), outcome(actual))
      if (report !== null) reports.push(`step ${index + 1}${where(step)}  ${step.title}\n${report}`)
      if (expected.status === 'rejected' || actual.status === 'rejected' || reports.length >= MAX_REPORTED) {
        break
      }
    }
  } finally {
    await Promise.all([oracle.hangUp(), ours.hangUp()])
  }
  if (reports.length > 0) throw new Error(`replies differ (RESP${protocol})\n${reports.join('\n')}`)
}

/** Sets directives on both servers and returns the function that sets them back. */
export async function configure(
  pair: Pair,
  config: Readonly<Record<string, string>>,
): Promise<() => Promise<void>> {
  const undo: (() => Promise<void>)[] = []
  for (const { port } of [pair.oracle, pair.respite]) {
    const client = await RawClient.open(port)
    for (const [name, value] of Object.entries(config)) {
      const before = await client.call('CONFIG', 'GET', name)
      const old = before.toString('latin1').split('\r\n')[4]
      if (old === undefined) throw new Error(`port ${port} has no directive ${name}`)
      const answer = await client.call('CONFIG', 'SET', name, value)
      if (answer[0] !== 0x2b) throw new Error(`port ${port}: CONFIG SET ${name}: ${answer.toString()}`)
      undo.push(async () => void (await client.call('CONFIG', 'SET', name, old)))
    }
    undo.push(async () => client.close())
  }
  return async () => {
    for (const step of undo) await step()
  }
}

/** One server and the script's connections to it. */
class Side {
  readonly name: string
  readonly port: number
  readonly protocol: 2 | 3
  readonly connections = new Map<string, RawClient>()

  constructor(name: string, port: number, protocol: 2 | 3) {
    this.name = name
    this.port = port
    this.protocol = protocol
  }

  async reset(): Promise<void> {
    const client = await RawClient.open(this.port)
    try {
      for (const command of [['FLUSHALL'], ['CONFIG', 'RESETSTAT']]) {
        const answer = await client.call(...command)
        if (answer.toString() !== '+OK\r\n')
          throw new Error(`${this.name}: ${command.join(' ')}: ${printable(answer)}`)
      }
    } finally {
      await client.hangUp()
    }
  }

  /** Takes the step here; resolves with the frames it led to. */
  async run(step: Step): Promise<Buffer[]> {
    if (step.kind === 'wait') {
      await new Promise((resolve) => setTimeout(resolve, step.waitMs))
      return []
    }
    const client = await this.connection(step.connection)
    if (step.kind === 'closed') {
      const rest = await client.closed()
      this.connections.delete(step.connection)
      return [rest]
    }
    if (step.bytes.length > 0) client.write(step.bytes)
    const frames: Buffer[] = []
    for (let i = 0; i < step.frames; i++) frames.push(await client.frame())
    if (step.kind === 'drain') {
      let frame: Buffer
      do {
        frame = await client.frame()
        frames.push(frame)
      } while (!frame.includes(DRAINED))
    }
    return frames
  }

  async hangUp(): Promise<void> {
    await Promise.all([...this.connections.values()].map((client) => client.hangUp()))
  }

  private async connection(name: string): Promise<RawClient> {
    const known = this.connections.get(name)
    if (known !== undefined) return known
    const client = await RawClient.open(this.port, REPLY_MS)
    if (this.protocol === 3) await client.call('HELLO', '3')
    this.connections.set(name, client)
    return client
  }
}

type Outcome = Buffer[] | Error

function outcome(result: PromiseSettledResult<Buffer[]>): Outcome {
  return result.status === 'fulfilled' ? result.value : (result.reason as Error)
}

const where = (step: Step): string => (step.connection === 'main' ? '' : ` on ${step.connection}`)

/** Null when the two agree as far as the step asks; else both, printable. */
function differenceIn(step: Step, oracle: Outcome, ours: Outcome): string | null {
  if (oracle instanceof Error || ours instanceof Error) {
    return `  oracle:  ${show(oracle)}\n  respite: ${show(ours)}`
  }
  const { arrange } = step
  if (arrange !== undefined)
    return differenceIn({ ...step, arrange: undefined }, arrange(oracle), arrange(ours))
  const expected = step.ours === null ? oracle : [step.ours]
  const normalize = step.normalize ?? ((frame: Buffer) => frame)
  const same =
    expected.length === ours.length &&
    expected.every((frame, i) => normalize(frame).equals(normalize(ours[i])))
  if (same) return null
  const compared = step.normalize
    ? `\n  compared: ${show(oracle.map(normalize))}\n       with ${show(ours.map(normalize))}`
    : ''
  const wanted = step.ours === null ? '' : `\n  7.2 says: ${show([step.ours])}`
  return `  oracle:  ${show(oracle)}\n  respite: ${show(ours)}${wanted}${compared}`
}

function show(result: Outcome): string {
  return result instanceof Error ? result.message : result.map((frame) => printable(frame)).join(' ')
}
