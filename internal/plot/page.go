package plot

import _ "embed"

// PageCSS is the look of pages that show charts: cards and charts in a grid,
// tables whose cells of class n are numbers. It follows the reader's light or
// dark.
//
//go:embed page.css
var PageCSS string
