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
		Short: "list, fork, make, import, export, roll back and remove models",
		Long: `A model is a name, its weights, and the tree of checkpoints that training
grew from them. Its head is the checkpoint that answers chats and that the next
training step starts from.`,
		Example: `  hudrl models fork hudrl/mini --name mine
  hudrl models checkpoints mine
  hudrl models head mine --set step-0012
  hudrl models list --service hud`,
		Args: a.subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	models.AddCommand(a.listCommand(), a.forkCommand(), a.checkpointsCommand(), a.headCommand(),
		a.createCommand(), a.importCommand(), a.exportCommand(), a.removeCommand(), a.gcCommand())
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
			return needsKey("list models", failed("Failed to fetch models", err))
		}
		if *asJSON {
			return a.printJSON(listed(models))
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
		if svc.web != "" {
			fmt.Fprintf(a.Stdout, "Gateway: %s\nView a model in the browser: %s/models/<id>\n", svc.gateway, svc.web)
		}
		return nil
	})
}

// A listedModel is a model as HUD's command line prints it: what is not known
// is null.
type listedModel struct {
	ID           *string `json:"id"`
	Name         *string `json:"name"`
	ModelName    *string `json:"model_name"`
	SDKAgentType *string `json:"sdk_agent_type"`
	IsTrainable  bool    `json:"is_trainable"`
	Provider     struct {
		Name *string `json:"name"`
	} `json:"provider"`
}

func listed(models []hud.Model) []listedModel {
	known := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	out := make([]listedModel, len(models))
	for i, m := range models {
		out[i] = listedModel{ID: known(m.ID), Name: known(m.Name), ModelName: known(m.ModelName), SDKAgentType: known(m.SDKAgentType), IsTrainable: m.IsTrainable}
		out[i].Provider.Name = known(m.Provider.Name)
	}
	return out
}

// view says where HUD shows a model.
func (a *app) view(svc *lazyService, model hud.Model, query string) {
	if svc.web != "" {
		fmt.Fprintf(a.Stdout, "View: %s/models/%s%s\n", svc.web, model.ID, query)
	}
}

// A noKeyError is HUD's refusal of somebody without a key, before it is asked.
type noKeyError struct {
	action string
	err    error
}

func (e *noKeyError) Error() string {
	return "No HUD API key found: a HUD API key is required to " + e.action
}
func (e *noKeyError) Unwrap() error { return e.err }
func (e *noKeyError) ErrorHint() string {
	return "set HUD_API_KEY=your-key-here, in the environment, .env or ~/.hud/.env; get your key at https://hud.ai/settings"
}

// needsKey tells what a key was needed for where there is none.
func needsKey(action string, err error) error {
	var refused *hud.Error
	if errors.As(err, &refused) && refused.Code == hud.CodeAuth && refused.Status == 0 {
		return &noKeyError{action, err}
	}
	return err
}

// resolve finds a model, and for a name that is none the one that may be
// meant: not every service says.
func (a *app) resolve(svc *lazyService, name string) (hud.Model, error) {
	model, err := svc.Resolve(a.ctx, name)
	var unknown *hud.Error
	if !errors.As(err, &unknown) || unknown.Code != hud.CodeNotFound || strings.HasPrefix(unknown.Hint, "did you mean") {
		return model, needsKey("use "+name, err)
	}
	models, listErr := svc.Models(a.ctx)
	if listErr != nil {
		return model, err
	}
	var names []string
	for _, m := range models {
		if name == m.Name || name == m.ModelName {
			return m, nil // services need not resolve what they display
		}
		names = append(names, m.ModelName, m.Name)
	}
	told := *unknown
	told.Hint = cmp.Or(hud.Suggest(name, names), unknown.Hint, "`hudrl models list` shows the models")
	return model, &told
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
			return needsKey("fork models", failed("Fork failed", err))
		}
		if *asJSON {
			return a.printJSON(model)
		}
		a.printNew("Forked", model)
		a.view(svc, model, "")
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
	model, err := a.resolve(svc, name)
	if err != nil {
		return hud.Model{}, nil, err
	}
	list, err := svc.Checkpoints(a.ctx, model.ID)
	if err != nil {
		return hud.Model{}, nil, failed("Failed to fetch checkpoints", err)
	}
	return model, list, nil
}

func (a *app) checkpointsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "checkpoints MODEL",
		Short: "a model's checkpoint tree",
		Long: `Every step saves a checkpoint. The tree is drawn from the oldest down: a line
below another goes on from it, and where training was taken up again from an
earlier one, the branches stand beside the line that ▶, the head, is on.`,
		Args: exactArgs("MODEL"),
	}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	return a.withService(cmd, func(svc *lazyService, args []string) error {
		model, list, err := a.checkpoints(svc, args[0])
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
		var rows [][]string
		for _, n := range hud.Tree(list) {
			if n.Checkpoint == nil {
				rows = append(rows, []string{n.Marker(), "base weights"})
				continue
			}
			c := n.Checkpoint
			rows = append(rows, []string{n.Marker(), n.Branch + checkpointName(*c), stepNumber(c.Step), decimals(c.MeanReward),
				orDash(c.LossFn), rate(c.LearningRate), count(c.NumTraces), created(*c), c.ID[:min(8, len(c.ID))]})
		}
		fmt.Fprint(a.Stdout, plot.Table([]plot.Column{
			{}, {Title: "NAME"}, {Title: "STEP", Align: plot.Right}, {Title: "REWARD", Align: plot.Right}, {Title: "LOSS"},
			{Title: "LR", Align: plot.Right}, {Title: "TRACES", Align: plot.Right}, {Title: "CREATED"}, {Title: "ID"},
		}, rows, a.style()))
		a.view(svc, model, "?tab=checkpoints")
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

func rate(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.3g", *v)
}

func stepNumber(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
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
	set := cmd.Flags().String("set", "", "move the head to `CHECKPOINT`: an id, the start of one, a name, or base for the first weights")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	return a.withService(cmd, func(svc *lazyService, args []string) error {
		model, list, err := a.checkpoints(svc, args[0])
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("set") {
			id, err := *set, error(nil)
			if id != hud.BaseCheckpoint {
				id, err = findCheckpoint(list, id)
			}
			if err == nil {
				err = svc.SetHead(a.ctx, model.ID, id)
			}
			if err != nil {
				return failed("Failed to set head", err)
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
			{"loss", orDash(head.LossFn)}, {"lr", rate(head.LearningRate)}, {"traces", count(head.NumTraces)}, {"created", created(head)},
		} {
			fmt.Fprintf(a.Stdout, "%-9s%s\n", row[0]+":", row[1])
		}
		a.view(svc, model, "?tab=checkpoints")
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
