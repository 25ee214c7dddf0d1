/** Runs redis-benchmark once and reads what it says. Which work to run is workloads.ts. */
import { execFile } from 'node:child_process'

const RUN_WITHIN_MS = 300_000

/** Requests per second of `redis-benchmark <args>` against 127.0.0.1:`port`; rejects with what it printed. */
export function requestsPerSecond(port: number, args: readonly string[]): Promise<number> {
  const all = ['-h', '127.0.0.1', '-p', `${port}`, '--csv', ...args]
  return new Promise((resolve, reject) => {
    execFile('redis-benchmark', all, { timeout: RUN_WITHIN_MS }, (error, stdout, stderr) => {
      const rps = parseCsv(stdout)
      if (error === null && rps !== undefined) return resolve(rps)
      const said = `${stdout}${stderr}`.trim() || error?.message
      reject(new Error(`redis-benchmark ${args.join(' ')}: ${said}`))
    })
  })
}

/** The rps column of the last row of redis-benchmark's CSV, with or without a heading row; undefined if none. */
export function parseCsv(text: string): number | undefined {
  let column = 1
  let rps: number | undefined
  for (const line of text.split(/\r?\n|\r/)) {
    if (!line.startsWith('"')) continue
    const cells = line.slice(1, line.lastIndexOf('"')).split('","')
    if (cells[0] === 'test' && cells.includes('rps')) column = cells.indexOf('rps')
    else if (Number(cells[column]) > 0) rps = Number(cells[column])
  }
  return rps
}
