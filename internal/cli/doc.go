package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/stdlib"
)

func (a *app) docCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "doc NAME",
		Short:             "what a Lua name is",
		Example:           "  hudrl doc hud.plot.line\n  hudrl doc Trainer:step",
		Args:              exactArgs("NAME"),
		ValidArgsFunction: completeName,
		RunE: func(_ *cobra.Command, args []string) error {
			text, ok := describe(args[0])
			if !ok {
				var names []string
				for _, e := range stdlib.Entries() {
					names = append(names, e.Name, strings.TrimPrefix(e.Name, "hud."))
				}
				hint := "hudrl doc hud lists the names in hud"
				if near := runtime.Nearest(args[0], names); near != "" {
					hint = "did you mean " + near + "?"
				}
				return &usageError{fmt.Sprintf("doc: nothing is known about %q", args[0]), hint}
			}
			fmt.Fprintln(a.Stdout, text)
			return nil
		},
	}
}
