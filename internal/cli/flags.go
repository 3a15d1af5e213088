package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hudrl/hudrl/runtime"
)

// A choice is a flag with few possible values.
type choice struct {
	value string
	want  []string
}

func (c *choice) Set(text string) error {
	if !slices.Contains(c.want, text) {
		return fmt.Errorf("got %q, want %s", text, strings.Join(c.want, " or "))
	}
	c.value = text
	return nil
}

func (c *choice) Type() string   { return "CHOICE" }
func (c *choice) String() string { return c.value }

// complete makes the shell offer c's values for the flag name of cmd.
func (c *choice) complete(cmd *cobra.Command, name string) {
	// It fails for flags that do not exist or have a completion already.
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.want, cobra.ShellCompDirectiveNoFileComp))
}

// plainly says what the flag package's own types want, whose errors are those
// of strconv.
var plainly = map[string]string{
	"int64":   "a whole number",
	"uint64":  "a whole number of 0 or more",
	"float64": "a number",
	"bool":    "true or false",
}

// flagError says in the words of the other messages what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	out := &usageError{message: cmd.CommandPath() + ": " + err.Error(), hint: "see " + cmd.CommandPath() + " --help"}
	var (
		invalid *pflag.InvalidValueError
		missing *pflag.ValueRequiredError
		unknown *pflag.NotExistError
	)
	switch {
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		why := fmt.Sprint(errors.Unwrap(invalid))
		if want, ok := plainly[f.Value.Type()]; ok {
			why = fmt.Sprintf("got %q, want %s", invalid.GetValue(), want)
		}
		out.message = fmt.Sprintf("%s: --%s: %s", cmd.CommandPath(), f.Name, why)
	case errors.As(err, &missing):
		value, _ := pflag.UnquoteUsage(missing.GetFlag())
		out.message = fmt.Sprintf("%s: --%s: missing %s", cmd.CommandPath(), missing.GetFlag().Name, value)
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		out.message = fmt.Sprintf("%s: unknown flag -%s", cmd.CommandPath(), unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		out.message = fmt.Sprintf("%s: unknown flag --%s", cmd.CommandPath(), unknown.GetSpecifiedName())
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := runtime.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			out.hint = "did you mean --" + near + "?"
		}
	}
	return out
}
