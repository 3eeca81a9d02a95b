const search = document.getElementById("search");
search.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (text) => words.every((word) => text.toLowerCase().includes(word));
  for (const section of document.querySelectorAll("main section")) {
    const articles = [...section.querySelectorAll("article")];
    for (const article of articles) article.hidden = !fits(article.textContent);
    section.hidden = articles.length > 0 ? articles.every((one) => one.hidden) : !fits(section.textContent);
  }
  for (const details of document.querySelectorAll("nav details")) {
    const items = [...details.querySelectorAll("li")];
    for (const item of items) {
      const target = document.getElementById(item.firstChild.getAttribute("href").slice(1));
      item.hidden = target ? target.hidden : false;
    }
    details.hidden = items.every((item) => item.hidden);
    details.open = words.length > 0 && !details.hidden;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
});
