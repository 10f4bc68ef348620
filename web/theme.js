// Before anything is drawn: a page that changes its colours after a moment hurts in the dark.
try {
  const chosen = localStorage.getItem("bitnet.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // A browser that keeps nothing for this page: it looks as the system does.
}
