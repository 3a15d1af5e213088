package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hudrl/hudrl/internal/plot"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
)

// report writes an error for a person: where, what, the source line, the Lua
// traceback, a hint.
//
//	error: train.lua:12: step: learning_rate: got string, want number
//	  12 | trainer:step(batch, { learning_rate = "1e-4" })
//
//	traceback:
//	  train.lua:12: in main chunk
//
//	hint: …
func report(w io.Writer, style plot.Style, err error) {
	if errors.As(err, new(*runtime.ExitError)) {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", style.Red("error:"), runtime.Lines(err))
	var script *runtime.Error
	if errors.As(err, &script) {
		if script.Text != "" {
			fmt.Fprintf(&b, "  %s %s\n", style.Dim(fmt.Sprintf("%d |", script.Line)), strings.TrimSpace(script.Text))
		}
		if script.Traceback != "" {
			b.WriteString("\n" + style.Dim("traceback:") + "\n")
			for line := range strings.SplitSeq(script.Traceback, "\n") {
				b.WriteString("  " + line + "\n")
			}
		}
	}
	if hint := hintOf(err); hint != "" {
		if script != nil {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s %s\n", style.Yellow("hint:"), hint)
	}
	io.WriteString(w, b.String())
}

// hintOf finds what an error advises.
func hintOf(err error) string {
	var script *runtime.Error
	if errors.As(err, &script) && script.Hint != "" {
		return script.Hint
	}
	var hinter interface{ ErrorHint() string }
	if errors.As(err, &hinter) && hinter.ErrorHint() != "" {
		return hinter.ErrorHint()
	}
	var service *hud.Error
	if errors.As(err, &service) {
		return service.Hint
	}
	return ""
}
