// Runs before the first paint, so that a dark page never flashes white.
try {
  var theme = localStorage.getItem("pulse.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch (error) {
  // Storage may be forbidden; then the system's choice holds.
}
