package serve

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hudrl/hudrl/internal/plot"
	"github.com/hudrl/hudrl/runtime/hud"
)

// The dashboard is HTML made here: it has no script, reaches no other machine,
// and changes nothing.

//go:embed dashboard.html
var dashboardHTML string

var dashboardPages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Parse(dashboardHTML))
})

// dashboard are the patterns for which a browser is asked for the key: it is
// the password, of any user.
var dashboard = map[string]bool{"GET /{$}": true, "GET /dashboard/{id...}": true, "GET /dashboard.css": true}

const (
	dashboardRefresh = 10 // seconds
	dashboardWait    = 5 * time.Second
	maxCards         = 24
	maxAsked         = 200 // models whose checkpoints the first page asks for
	maxTreeLines     = 1000
)

// top is what each page has.
type top struct {
	Title   string
	Refresh int
}

type modelsPage struct {
	top
	Uptime   time.Duration
	UnderWay int
	Steps    int
	Tokens   int
	Trained  []modelCard
	Models   []modelCard
	Note     string
}

// A modelCard is a model on the first page.
type modelCard struct {
	Name, ID, By, Link string
	Head, Count, Last  string
	Chart              template.HTML

	trained time.Time
}

type modelPage struct {
	top
	Name, ID, Head, Count, Note string
	Charts                      []template.HTML
	Lines                       []treeRow
}

// A treeRow is a checkpoint in words.
type treeRow struct {
	Marker, Branch                                           string
	Name, Step, Reward, Loss, Rate, Datums, Tokens, Made, ID string
	Head, OnWay                                              bool
}

type failedPage struct {
	top
	Message, Hint string
}

// show answers with a page.
func (h *handler) show(w http.ResponseWriter, status int, name string, page any) {
	var text bytes.Buffer
	if err := dashboardPages().ExecuteTemplate(&text, name, page); err != nil {
		h.fail(w, fmt.Errorf("dashboard: %w", err))
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // a browser that has gone reads no answer
}

// showFailed answers a browser with an error.
func (h *handler) showFailed(w http.ResponseWriter, err error) {
	status, e := h.explain(err)
	h.show(w, status, "failed", failedPage{top{"hudrl: " + e.Detail, dashboardRefresh}, e.Detail, e.Hint})
}

func (h *handler) dashboardStyle(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = io.WriteString(w, plot.PageCSS) // a browser that has gone reads no answer
	return nil
}

// dashboardModels is the first page: a card for each model that was trained,
// the latest first, and a list of all.
func (h *handler) dashboardModels(w http.ResponseWriter, r *http.Request) error {
	models, err := h.svc.Models(r.Context())
	if err != nil {
		h.showFailed(w, err)
		return nil
	}
	page := modelsPage{top: top{"hudrl", dashboardRefresh}}
	page.Uptime, page.UnderWay, page.Steps, page.Tokens = h.meter.summary()
	page.UnderWay-- // this one
	ctx, cancel := context.WithTimeout(r.Context(), dashboardWait)
	defer cancel()
	asked, missed := 0, 0
	for _, m := range models {
		card := modelCard{Name: cmp.Or(m.ModelName, m.Name, m.ID), ID: m.ID, By: m.Provider.Name}
		if m.IsTrainable {
			card.Link = "/dashboard/" + url.PathEscape(m.ID)
			switch tree, err := h.treeOf(ctx, m.ID, &asked); {
			case err != nil:
				missed++
			default:
				card.fill(tree)
			}
		}
		page.Models = append(page.Models, card)
		if !card.trained.IsZero() {
			page.Trained = append(page.Trained, card)
		}
	}
	slices.SortStableFunc(page.Trained, func(x, y modelCard) int { return y.trained.Compare(x.trained) })
	page.Trained = page.Trained[:min(len(page.Trained), maxCards)]
	if missed > 0 {
		page.Note = fmt.Sprintf("the checkpoints of %d models were not asked for, or not answered within %v", missed, dashboardWait)
	}
	h.show(w, http.StatusOK, "models", page)
	return nil
}

// treeOf asks for a model's checkpoints unless enough were asked for.
func (h *handler) treeOf(ctx context.Context, id string, asked *int) ([]hud.Checkpoint, error) {
	if *asked++; *asked > maxAsked {
		return nil, fmt.Errorf("dashboard: asked for %d trees", maxAsked)
	}
	return h.svc.Checkpoints(ctx, id)
}

func (c *modelCard) fill(list []hud.Checkpoint) {
	c.Head, c.Count = headOf(list), counted(len(list), "checkpoint")
	if len(list) == 0 {
		return
	}
	for _, one := range list {
		if one.CreatedAt.After(c.trained) {
			c.trained = one.CreatedAt
		}
	}
	way := onWay(list)
	if rewards, ok := charted(way, func(c *hud.Checkpoint) *float64 { return c.MeanReward }); ok {
		c.Last = decimals(way[len(way)-1].MeanReward)
		c.Chart = picture(way, "mean reward", rewards, 170)
	}
}

// dashboardModel shows a model: its metrics from the first step to the head,
// and its tree, the latest first.
func (h *handler) dashboardModel(w http.ResponseWriter, r *http.Request) error {
	m, err := h.svc.Resolve(r.Context(), r.PathValue("id"))
	if err != nil {
		h.showFailed(w, err)
		return nil
	}
	list, err := h.svc.Checkpoints(r.Context(), m.ID)
	if err != nil {
		h.showFailed(w, err)
		return nil
	}
	name := cmp.Or(m.ModelName, m.Name, m.ID)
	page := modelPage{
		top: top{name, dashboardRefresh}, Name: name, ID: m.ID, Head: headOf(list), Count: counted(len(list), "checkpoint"),
		Charts: charts(onWay(list)),
	}
	lines := hud.Tree(list)
	slices.Reverse(lines)
	if len(lines) > maxTreeLines {
		page.Note = fmt.Sprintf("the latest %d of %d checkpoints", maxTreeLines, len(list))
		lines = lines[:maxTreeLines]
	}
	if len(list) > 0 {
		for i := range lines {
			page.Lines = append(page.Lines, rowOf(&lines[i]))
		}
	}
	h.show(w, http.StatusOK, "model", page)
	return nil
}

func rowOf(l *hud.TreeLine) treeRow {
	row := treeRow{Marker: l.Marker(), Branch: l.Branch, Head: l.Head, OnWay: l.OnWay}
	c := l.Checkpoint
	if c == nil {
		row.Name = "base weights"
		return row
	}
	row.Name, row.ID = cmp.Or(c.Name, c.ID), c.ID
	if c.Step > 0 {
		row.Step = strconv.Itoa(c.Step)
	}
	row.Reward, row.Loss = decimals(c.MeanReward), c.LossFn
	if c.LearningRate != nil {
		row.Rate = fmt.Sprintf("%.3g", *c.LearningRate)
	}
	for _, n := range []struct {
		to   *string
		from *int
	}{{&row.Datums, c.NumDatums}, {&row.Tokens, c.NumTokens}} {
		if n.from != nil {
			*n.to = strconv.Itoa(*n.from)
		}
	}
	if !c.CreatedAt.IsZero() {
		row.Made = c.CreatedAt.UTC().Format("2006-01-02 15:04:05")
	}
	return row
}

func decimals(v *float64) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%.3f", *v)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// headOf names the head.
func headOf(list []hud.Checkpoint) string {
	for _, c := range list {
		if c.IsActive {
			return "at " + cmp.Or(c.Name, c.ID)
		}
	}
	return "at its base weights"
}

// onWay lists the checkpoints from the first to the head.
func onWay(list []hud.Checkpoint) []hud.Checkpoint {
	var way []hud.Checkpoint
	for _, l := range hud.Tree(list) {
		if l.OnWay && l.Checkpoint != nil {
			way = append(way, *l.Checkpoint)
		}
	}
	return way
}

// first are the metrics that one looks at first, by what is before a colon.
var first = []string{"loss", "entropy_sampled", "kl_sample_train", "grad_norm", "ratio", "clip_fraction"}

// charts draws each metric that a way has.
func charts(way []hud.Checkpoint) (out []template.HTML) {
	if values, ok := charted(way, func(c *hud.Checkpoint) *float64 { return c.MeanReward }); ok {
		out = append(out, picture(way, "mean reward", values, 220))
	}
	known := map[string]bool{}
	for _, c := range way {
		for name := range c.Metrics {
			known[name] = true
		}
	}
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	rank := func(name string) int {
		name, _, _ = strings.Cut(name, ":")
		if i := slices.Index(first, name); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortFunc(names, func(x, y string) int { return cmp.Or(rank(x)-rank(y), cmp.Compare(x, y)) })
	for _, name := range names {
		values, ok := charted(way, func(c *hud.Checkpoint) *float64 {
			if v, ok := c.Metrics[name]; ok {
				return &v
			}
			return nil
		})
		if ok {
			out = append(out, picture(way, name, values, 220))
		}
	}
	return out
}

// charted is a value of each checkpoint, NaN where it has none.
func charted(way []hud.Checkpoint, of func(*hud.Checkpoint) *float64) (values []float64, ok bool) {
	values = make([]float64, len(way))
	for i := range way {
		values[i] = math.NaN()
		if v := of(&way[i]); v != nil {
			values[i] = *v
			ok = ok || !math.IsNaN(*v) && !math.IsInf(*v, 0)
		}
	}
	return values, ok
}

// picture draws values over the steps that made the checkpoints; services that
// number none count from 1.
func picture(way []hud.Checkpoint, title string, values []float64, height int) template.HTML {
	steps := make([]float64, len(way))
	for i, c := range way {
		steps[i] = float64(c.Step)
		if c.Step == 0 || i > 0 && steps[i] <= steps[i-1] {
			steps = nil
			break
		}
	}
	svg, err := plot.SVG([]plot.Curve{{Name: title, X: steps, Values: values}}, plot.Picture{Title: title, Width: 420, Height: height})
	if err != nil {
		return template.HTML(template.HTMLEscapeString(err.Error()))
	}
	return template.HTML(svg) // its text is escaped
}
