"""The card's plots, drawn as SVG that the page's style sheet colours, in light, dark and print."""
