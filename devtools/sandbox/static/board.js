// Keeps the page fresh: asks every two seconds, and when something changed replaces only the live regions, so that
// focus, open descriptions and a half-filled form stay. Without JavaScript the page reloads itself every five seconds.
const refresh = async () => {
  const address = new URL(location.pathname, location.origin);
  address.searchParams.set("v", document.body.dataset.version);
  const answer = await fetch(address, { cache: "no-store" });
  if (answer.status !== 200) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const focused = document.activeElement && document.activeElement.id;
  const open = [...document.querySelectorAll("details[open][id]")].map((element) => element.id);
  for (const region of fresh.querySelectorAll("[data-live]")) {
    const old = document.getElementById(region.id);
    if (old) old.replaceWith(document.adoptNode(region));
  }
  open.map((id) => document.getElementById(id)).forEach((element) => { if (element) element.open = true; });
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  document.body.dataset.version = fresh.body.dataset.version;
};
setInterval(() => refresh().catch(() => undefined), 2000);
