// Keeps the click token of the landing page (?clk=…) until the checkout. Put it on every page:
//   <script src="/clk.js" defer data-days="30"></script>
// The token is then in the first-party cookie `clk`, in every form field named `clk`, and in window.clk.token().
(function () {
  "use strict";
  var NAME = "clk";
  var SHAPE = /^[A-Za-z0-9_-]{64}$/;
  var script = document.currentScript;
  var days = Number(script && script.getAttribute("data-days"));
  if (!(days >= 1 && days <= 365)) days = 30;
  var life = days * 86400;

  function good(token) {
    return typeof token === "string" && SHAPE.test(token) ? token : "";
  }

  function landed() {
    var found = new RegExp("[?&]" + NAME + "=([^&#]*)").exec(location.search);
    return found ? good(found[1]) : "";
  }

  function cookie() {
    var found = new RegExp("(?:^|; )" + NAME + "=([^;]*)").exec(document.cookie);
    return found ? good(found[1]) : "";
  }

  // Storage may be switched off: then the cookie has to do, and the other way round.
  function stored() {
    try {
      var kept = JSON.parse(localStorage.getItem(NAME) || "{}");
      return kept.until > Date.now() ? good(kept.token) : "";
    } catch (e) {
      return "";
    }
  }

  function keep(token) {
    var secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = NAME + "=" + token + "; Max-Age=" + life + "; Path=/; SameSite=Lax" + secure;
    try {
      localStorage.setItem(NAME, JSON.stringify({ token: token, until: Date.now() + life * 1000 }));
    } catch (e) {
      return;
    }
  }

  function token() {
    return landed() || cookie() || stored();
  }

  function fill(root) {
    var current = token();
    var fields = current ? root.querySelectorAll('input[name="' + NAME + '"]') : [];
    for (var i = 0; i < fields.length; i++) fields[i].value = current;
  }

  var arrived = landed();
  if (arrived) keep(arrived);
  window.clk = { token: token, fill: fill };
  document.addEventListener("submit", function (event) { fill(event.target); }, true);
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", function () { fill(document); });
  } else {
    fill(document);
  }
})();
