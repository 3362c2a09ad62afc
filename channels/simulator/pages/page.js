// The page reads without this. It shows times by the reader's own clock, and looks for new messages.
"use strict";
for (const time of document.querySelectorAll("time")) {
  const at = new Date(time.dateTime);
  if (!isNaN(at)) { time.textContent = at.toLocaleTimeString("en-GB"); time.title = at.toLocaleString(); }
}
const thread = document.querySelector(".thread");
if (thread) thread.scrollTop = thread.scrollHeight;
for (const paper of document.querySelectorAll("iframe.paper")) paper.style.height = Math.max(540, window.innerHeight - paper.getBoundingClientRect().top - 130) + "px";

const seen = document.body.dataset.seen;
const busy = () => {
  const at = document.activeElement;
  return document.hidden || (at && /INPUT|SELECT|IFRAME/.test(at.tagName)) || String(getSelection()) ||
    document.querySelector(".tools details[open]") || [...document.querySelectorAll('input[name="words"]:not([type=hidden])')].some((each) => each.value);
};
setInterval(async () => {
  try {
    const told = await (await fetch("/_simulator/page/seen", { cache: "no-store" })).json();
    if (String(told.seen) === seen) return;
    const refresh = document.getElementById("refresh");
    refresh.textContent = refresh.dataset.new;
    refresh.classList.add("waiting");
    if (!busy()) {
      const address = new URL(location.href);
      address.searchParams.delete("said");
      location.replace(address);
    }
  } catch { /* The simulator has stopped; what is shown stays. */ }
}, 2000);
