export interface Deferred {
  promise: Promise<void>;
  resolve: () => void;
}

/** `Promise.withResolvers`, which browsers of 2023 lack. */
export function deferred(): Deferred {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}
