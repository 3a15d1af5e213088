package cli

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/hudrl/hudrl/internal/plot"
)

// A logHandler writes records for a person: "warning: message (key=value)".
// It has no time: a terminal shows when.
type logHandler struct {
	mu     *sync.Mutex // guards w; shared by handlers derived from this one
	w      io.Writer
	level  slog.Level
	color  bool
	prefix string // "group." of WithGroup
	attrs  []string
}

func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	style := plot.Style{On: h.color}
	var b strings.Builder
	switch {
	case r.Level >= slog.LevelError:
		b.WriteString(style.Red("error:") + " ")
	case r.Level >= slog.LevelWarn:
		b.WriteString(style.Yellow("warning:") + " ")
	case r.Level < slog.LevelInfo:
		b.WriteString(style.Dim("debug:") + " ")
	}
	b.WriteString(r.Message)
	attrs := h.attrs
	r.Attrs(func(a slog.Attr) bool {
		attrs = appendAttr(attrs[:len(attrs):len(attrs)], h.prefix, a)
		return true
	})
	if len(attrs) > 0 {
		b.WriteString(style.Dim(" (" + strings.Join(attrs, ", ") + ")"))
	}
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := io.WriteString(h.w, b.String())
	return err
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	n.attrs = n.attrs[:len(n.attrs):len(n.attrs)]
	for _, a := range attrs {
		n.attrs = appendAttr(n.attrs, h.prefix, a)
	}
	return &n
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	n := *h
	if name != "" {
		n.prefix += name + "."
	}
	return &n
}

func appendAttr(out []string, prefix string, a slog.Attr) []string {
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range v.Group() {
			out = appendAttr(out, prefix, inner)
		}
		return out
	}
	if a.Key == "" {
		return out
	}
	return append(out, prefix+a.Key+"="+v.String())
}
