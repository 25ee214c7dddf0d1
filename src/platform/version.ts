/** The version of this server and the version of Redis it answers as. */

/** Equals package.json's version; a test holds them together. */
export const RESPITE_VERSION = '0.1.0'

/** What INFO, HELLO and LOLWUT report, because clients choose their commands by it. */
export const REDIS_VERSION = '7.2.4'

/** The Node this runs on, such as v20.19.0. */
export const NODE_VERSION: string = process.version
