import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  // The content security policy allows no data: fonts or scripts, so nothing may be inlined.
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  // `npm run dev` borrows the addresses from a running page server.
  server: { port: 5173, proxy: { "/config.json": "http://localhost:3000" } },
  test: { environment: "node", include: ["src/**/*.test.{ts,tsx}"] },
});
