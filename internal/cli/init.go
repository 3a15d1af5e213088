package cli

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/scripts"
)

// templates are the scripts that init copies, by name.
func templates() []string {
	files, err := fs.Glob(scripts.FS, "*.lua")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(f, ".lua")
	}
	return names
}

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [TEMPLATE] DIR",
		Short: "copy a script to start from",
		Long: `Writes TEMPLATE.lua (default quickstart) into DIR, which is made if it does
not exist. A file that is there is never overwritten.

Templates: ` + strings.Join(templates(), ", "),
		Example: "  hudrl init mine\n  hudrl init custom_loss mine",
		Args:    cobra.ArbitraryArgs,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return templates(), cobra.ShellCompDirectiveDefault
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				args = append([]string{"quickstart"}, args...)
			}
			if err := exactArgs("TEMPLATE", "DIR")(cmd, args); err != nil {
				return err
			}
			text, err := scripts.FS.ReadFile(args[0] + ".lua")
			if err != nil {
				hint := "there are " + strings.Join(templates(), ", ")
				if near := runtime.Nearest(args[0], templates()); near != "" {
					hint = "did you mean " + near + "?"
				}
				return &usageError{fmt.Sprintf("init: no template %q", args[0]), hint}
			}
			shown := filepath.Join(args[1], args[0]+".lua")
			if err := a.writeNew(a.path(shown), text); err != nil {
				return failed("init failed", err)
			}
			fmt.Fprintf(a.Stdout, "Wrote %s\n\nRun it: hudrl run %s\n", shown, shown)
			return nil
		},
	}
}
