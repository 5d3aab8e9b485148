// Prints the path of the unpacked browser; its libraries lie in `lib` beside it. TMPDIR says where.
import { createReadStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createBrotliDecompress } from 'node:zlib';
import chromium from '@sparticuz/chromium';
import { extract } from 'tar-fs';

const executable = await chromium.executablePath();
const archives = join(dirname(fileURLToPath(import.meta.resolve('@sparticuz/chromium'))), '..', '..', 'bin');
await pipeline(
  createReadStream(join(archives, 'al2023.tar.br')),
  createBrotliDecompress(),
  extract(dirname(executable)),
);
console.log(executable);
