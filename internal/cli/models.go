package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/internal/plot"
	"github.com/hudrl/hudrl/runtime/hud"
)

// withService registers the service flags on cmd and opens the service around
// run.
func (a *app) withService(cmd *cobra.Command, run func(svc *lazyService, args []string) error) *cobra.Command {
	var flags serviceFlags
	if strings.Contains(cmd.Use, " MODEL") || strings.Contains(cmd.Use, " SOURCE") {
		then := cobra.ShellCompDirectiveNoFileComp
		if strings.Contains(cmd.Use, " DIR") {
			then = cobra.ShellCompDirectiveFilterDirs
		}
		cmd.ValidArgsFunction = a.completeModel(&flags, then)
	}
	for _, name := range []string{"checkpoint", "set"} {
		if cmd.Flags().Lookup(name) != nil {
			_ = cmd.RegisterFlagCompletionFunc(name, a.completeCheckpoint(&flags))
		}
	}
	flags.register(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		svc, err := flags.open(a)
		if err != nil {
			return err
		}
		return errors.Join(run(svc, args), svc.Close())
	}
	return cmd
}

func (a *app) modelsCommand() *cobra.Command {
	models := &cobra.Command{
		Use:   "models",
		Short: "list, fork, make, export and roll back models",
		Long: `A model is a name, its weights, and the tree of checkpoints that training
grew from them. Its head is the checkpoint that answers chats and that the next
training step starts from.`,
		Example: `  hudrl models fork hudrl/mini --name mine
  hudrl models checkpoints mine
  hudrl models head mine --set step-0012`,
		Args: a.subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	models.AddCommand(a.listCommand(), a.forkCommand(), a.checkpointsCommand(), a.headCommand(),
		a.createCommand(), a.exportCommand(), a.gcCommand())
	return models
}

// printJSON writes v for programs.
func (a *app) printJSON(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Stdout, "%s\n", text)
	return err
}

func (a *app) style() plot.Style { return plot.Style{On: a.StdoutColor} }

func (a *app) listCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "every model there is", Args: exactArgs()}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	return a.withService(cmd, func(svc *lazyService, _ []string) error {
		models, err := svc.Models(a.ctx)
		if err != nil {
			return failed("failed to fetch models", err)
		}
		if *asJSON {
			if models == nil {
				models = []hud.Model{}
			}
			return a.printJSON(models)
		}
		if len(models) == 0 {
			fmt.Fprintln(a.Stdout, "No models found")
			return nil
		}
		slices.SortStableFunc(models, func(x, y hud.Model) int {
			return cmp.Compare(strings.ToLower(cmp.Or(x.Name, x.ID)), strings.ToLower(cmp.Or(y.Name, y.ID)))
		})
		rows := make([][]string, len(models))
		for i, m := range models {
			trainable := ""
			if m.IsTrainable {
				trainable = "✓"
			}
			rows[i] = []string{orDash(m.Name), orDash(m.ModelName), orDash(m.ID), orDash(m.Provider.Name), orDash(m.SDKAgentType), trainable}
		}
		fmt.Fprint(a.Stdout, plot.Table([]plot.Column{
			{Title: "NAME"}, {Title: "MODEL"}, {Title: "ID"}, {Title: "PROVIDER"}, {Title: "AGENT"}, {Title: "TRAINABLE"},
		}, rows, a.style()))
		fmt.Fprintln(a.Stdout, a.style().Dim("\n"+svc.where))
		return nil
	})
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (a *app) forkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "fork SOURCE --name NAME",
		Short:   "make a trainable model from another's head, or from a checkpoint",
		Example: "  hudrl models fork hudrl/mini --name mine\n  hudrl models fork mine/step-0003 --name branch",
		Args:    exactArgs("SOURCE"),
	}
	name := cmd.Flags().StringP("name", "n", "", "the new model's `NAME`")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	return a.withService(cmd, func(svc *lazyService, args []string) error {
		if *name == "" {
			return &usageError{"hudrl models fork: missing --name", "say how to call the fork: --name mine"}
		}
		model, err := hud.Fork(a.ctx, svc, args[0], *name)
		if err != nil {
			return failed("fork failed", err)
		}
		if *asJSON {
			return a.printJSON(model)
		}
		a.printNew("Forked", model)
		return nil
	})
}

// printNew says what a new model is called and what to do with it.
func (a *app) printNew(verb string, model hud.Model) {
	fmt.Fprintf(a.Stdout, "%s %s\n", verb, a.style().Bold(model.Name))
	fmt.Fprintf(a.Stdout, "slug: %s\nid:   %s\n", model.ModelName, model.ID)
	fmt.Fprintf(a.Stdout, "\nTrain it: hud.TrainingClient(%q)\n", model.ModelName)
}

// checkpoints lists a model's tree by creation time.
func (a *app) checkpoints(svc *lazyService, name string) (hud.Model, []hud.Checkpoint, error) {
	model, err := svc.Resolve(a.ctx, name)
	if err != nil {
		return hud.Model{}, nil, err
	}
	list, err := svc.Checkpoints(a.ctx, model.ID)
	if err != nil {
		return hud.Model{}, nil, failed("failed to fetch checkpoints", err)
	}
	return model, list, nil
}

func (a *app) checkpointsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "checkpoints MODEL", Short: "a model's checkpoint tree", Args: exactArgs("MODEL")}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	return a.withService(cmd, func(svc *lazyService, args []string) error {
		_, list, err := a.checkpoints(svc, args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			if list == nil {
				list = []hud.Checkpoint{}
			}
			return a.printJSON(list)
		}
		if len(list) == 0 {
			fmt.Fprintln(a.Stdout, "No checkpoints yet — this model serves its base weights")
			return nil
		}
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(x, y hud.Checkpoint) int { return x.CreatedAt.Compare(y.CreatedAt) })
		rows := make([][]string, len(list))
		for i, c := range list {
			marker := ""
			if c.IsActive {
				marker = "▶"
			}
			rows[i] = []string{marker, checkpointName(c), decimals(c.MeanReward), orDash(c.LossFn), count(c.NumTraces), created(c), c.ID}
		}
		fmt.Fprint(a.Stdout, plot.Table([]plot.Column{
			{}, {Title: "NAME"}, {Title: "REWARD", Align: plot.Right}, {Title: "LOSS"},
			{Title: "TRACES", Align: plot.Right}, {Title: "CREATED"}, {Title: "ID"},
		}, rows, a.style()))
		return nil
	})
}

func checkpointName(c hud.Checkpoint) string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID[:min(8, len(c.ID))]
}

func decimals(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f", *v)
}

func count(v *int) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprint(*v)
}

func created(c hud.Checkpoint) string {
	if c.CreatedAt.IsZero() {
		return "-"
	}
	return c.CreatedAt.Format("2006-01-02T15:04:05")
}

func (a *app) headCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "head MODEL [--set CHECKPOINT]",
		Short: "show the head, or move it",
		Example: `  hudrl models head mine
  hudrl models head mine --set step-0012`,
		Args: exactArgs("MODEL"),
	}
	set := cmd.Flags().String("set", "", "move the head to `CHECKPOINT`: an id, the start of one, or a name")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	return a.withService(cmd, func(svc *lazyService, args []string) error {
		model, list, err := a.checkpoints(svc, args[0])
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("set") {
			id, err := findCheckpoint(list, *set)
			if err == nil {
				err = svc.SetHead(a.ctx, model.ID, id)
			}
			if err != nil {
				return failed("failed to set head", err)
			}
			fmt.Fprintf(a.Stdout, "Head set to %s\n", id)
			return nil
		}
		at := slices.IndexFunc(list, func(c hud.Checkpoint) bool { return c.IsActive })
		if *asJSON {
			if at < 0 {
				return a.printJSON(nil)
			}
			return a.printJSON(list[at])
		}
		if at < 0 {
			fmt.Fprintln(a.Stdout, "No active checkpoint — this model serves its base weights")
			return nil
		}
		head := list[at]
		fmt.Fprintf(a.Stdout, "%s\n", a.style().Bold(checkpointName(head)))
		for _, row := range [][2]string{
			{"id", head.ID}, {"sampler", orDash(head.CheckpointName)}, {"reward", decimals(head.MeanReward)},
			{"loss", orDash(head.LossFn)}, {"traces", count(head.NumTraces)}, {"created", created(head)},
		} {
			fmt.Fprintf(a.Stdout, "%-9s%s\n", row[0]+":", row[1])
		}
		return nil
	})
}

// findCheckpoint turns what a person types into a checkpoint's id: the id, a
// name, or the unambiguous start of an id.
func findCheckpoint(list []hud.Checkpoint, text string) (string, error) {
	var starts []string
	for _, c := range list {
		if text != "" && (c.ID == text || c.Name == text || c.CheckpointName == text) {
			return c.ID, nil
		}
		if len(text) >= 4 && strings.HasPrefix(c.ID, text) {
			starts = append(starts, c.ID)
		}
	}
	switch len(starts) {
	case 1:
		return starts[0], nil
	case 0:
		return "", &hud.Error{Code: hud.CodeNotFound, Detail: fmt.Sprintf("no checkpoint %q", text),
			Hint: "hudrl models checkpoints MODEL lists them"}
	}
	return "", &hud.Error{Code: hud.CodeValidation,
		Detail: fmt.Sprintf("checkpoint %q is ambiguous: %s", text, strings.Join(starts, ", "))}
}
