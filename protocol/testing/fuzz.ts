const environment = (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env;

/**
 * How many times the usual number of random cases to try: SALLYPORT_FUZZ=10 tries ten times as many.
 *
 * At 1, which is what CI runs, the decoders here get 205,000 random and mutated inputs: lane messages 70,000, control
 * messages 35,000, envelopes 30,000, sealed payloads, links and length-prefixed values 20,000 each, sealed messages and
 * codes 5,000 each. The codec of `stun-server/` has another 60,000 of its own.
 */
export const FUZZ = Number(environment?.['SALLYPORT_FUZZ'] ?? 1);
