package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/loss"
)

func (a *app) lossCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "loss",
		Short: "list the losses, check one",
		Example: `  hudrl loss list
  hudrl loss check gspo
  hudrl loss check my_loss.lua`,
		Args: a.subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.lossListCommand(), a.lossCheckCommand())
	return cmd
}

// A lossRow is a row of the table for programs.
type lossRow struct {
	Name        string             `json:"name"`
	Call        string             `json:"call"`
	Section     string             `json:"section"`
	Kind        string             `json:"kind"`
	Formula     string             `json:"formula"`
	Source      string             `json:"source"`
	Defaults    string             `json:"defaults"`
	Options     map[string]float64 `json:"options,omitempty"`
	Aggregation string             `json:"aggregation,omitempty"`
	Sampling    bool               `json:"sampling"`
	Reference   bool               `json:"reference"`
	Reward      bool               `json:"reward"`
	Extra       []string           `json:"extra,omitempty"`
	Needs       string             `json:"needs,omitempty"`
}

func (a *app) lossListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "every loss, estimator, correction and aggregation",
		Long: `Every row of the table: A makes advantages, B are losses of tokens, C
regularisers, value losses and controllers, D preferences and distillation, E
aggregations. In formulas ℓ is the policy's logprob of a token, q the sampling
policy's, d = ℓ − q, r = exp d, A the advantage, R the reward, sg(x) x held
constant; x is Σ(ℓ − ℓ_ref) over an answer, c the chosen and r the rejected one,
Δ = x_c − x_r. Needs: q, ref (a reference's logprobs), R, extra fields of the
inputs, or what no service returns.`,
		Example: "  hudrl loss list\n  hudrl loss list --kind pairs --json",
		Args:    exactArgs(),
	}
	var kinds []string
	for _, r := range loss.Table() {
		if !slices.Contains(kinds, string(r.Kind)) {
			kinds = append(kinds, string(r.Kind))
		}
	}
	kind := choice{want: kinds}
	cmd.Flags().Var(&kind, "kind", "only those of `KIND`: "+strings.Join(kinds, ", "))
	kind.complete(cmd, "kind")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(*cobra.Command, []string) error {
		rows := []lossRow{}
		for _, r := range loss.Table() {
			if kind.value == "" || kind.value == string(r.Kind) {
				rows = append(rows, lossRow{r.Name, r.Call(), r.Section, string(r.Kind), r.Formula, r.Source, r.Default, r.Options,
					string(r.Aggregation), r.Sampling, r.Reference, r.Reward, r.Extra, loss.Needs(r.Name)})
			}
		}
		if *asJSON {
			return a.printJSON(rows)
		}
		a.printLosses(rows)
		return nil
	}
	return cmd
}

// printLosses writes two lines for each row: what it is, and what it takes.
func (a *app) printLosses(rows []lossRow) {
	width := 0
	for _, r := range rows {
		width = max(width, len(r.Name))
	}
	for _, r := range rows {
		var needs []string
		if r.Sampling {
			needs = append(needs, "q")
		}
		if r.Reference {
			needs = append(needs, "ref")
		}
		if r.Reward {
			needs = append(needs, "R")
		}
		for _, x := range r.Extra {
			needs = append(needs, "extra."+x)
		}
		if r.Needs != "" {
			needs = append(needs, r.Needs)
		}
		about := []string{string(r.Kind)}
		if r.Defaults != "" {
			about = append(about, r.Defaults)
		}
		if len(needs) > 0 {
			about = append(about, "needs "+strings.Join(needs, ", "))
		}
		fmt.Fprintf(a.Stdout, "%-4s %-*s  %s\n", r.Section, width, r.Name, r.Formula)
		fmt.Fprintln(a.Stdout, a.style().Dim(fmt.Sprintf("%-4s %-*s  %s. %s", "", width, "", strings.Join(about, "; "), r.Source)))
	}
}

// checkable are the names that loss check takes.
func checkable() []string {
	return slices.Sorted(slices.Values(slices.Concat(loss.Names(), loss.PairNames(), loss.AnswerNames())))
}

func (a *app) lossCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check NAME|FILE",
		Short: "verify a loss: gradient, masks, extremes, order, chunks",
		Long: `Tries a loss on a small batch made for it, and says what to do about what does
not hold: is the gradient the derivative of the value, do masked tokens leak, do
extreme log-ratios leave it finite, do padding, the order of datums and groups
matter, do chunks add up to the whole, how large is it, does it make the better
answers likelier.

NAME is a loss of hudrl loss list. FILE is a Lua file that returns a
function(data, logprobs), as forward_backward_custom takes it, or a table
{ loss = function, name =, detached = }, or that calls loss.register: then each
loss registered is checked. It runs within the limits of hudrl run. The exit code
is 5 where a property fails, also with --json.`,
		Example: `  hudrl loss check cispo
  hudrl loss check ppo --set epsilon=0.3 --set aggregate=token_mean
  hudrl loss check my_loss.lua --json`,
		Args: exactArgs("NAME or FILE"),
	}
	var f scriptFlags
	var set []string
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&set, "set", nil, "give the loss an option: `KEY=VALUE`; may be repeated")
	detached := flags.Bool("detached", false, "it holds a part constant on purpose; --detached=false: it does not")
	asJSON := flags.Bool("json", false, "print JSON")
	f.register(cmd)
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return checkable(), cobra.ShellCompDirectiveDefault
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		c := lossCheck{app: a, flags: &f, options: map[string]any{}}
		for _, s := range set {
			key, text, ok := strings.Cut(s, "=")
			if !ok || key == "" {
				return &usageError{fmt.Sprintf("hudrl loss check: --set: got %q, want KEY=VALUE", s), "such as --set beta=0.1"}
			}
			c.options[key] = optionValue(text)
		}
		if flags.Changed("detached") {
			c.detached = detached
		}
		reports, err := c.run(args[0])
		if err != nil {
			return err
		}
		return a.printReports(reports, *asJSON)
	}
	return cmd
}

// optionValue reads a number or a truth; other text is itself.
func optionValue(text string) any {
	if v, err := strconv.ParseFloat(text, 64); err == nil {
		return v
	}
	if v, err := strconv.ParseBool(text); err == nil {
		return v
	}
	return text
}

// A lossCheck is one run of hudrl loss check.
type lossCheck struct {
	app      *app
	flags    *scriptFlags
	options  map[string]any // of the loss
	detached *bool
}

// checkScript checks a name, or what a file returned and registered. It
// returns the reports, or nil and what is wrong.
const checkScript = `
local loss = require "hud.loss"
local what, opts, file = ...
local reports = {}
local function check(x, extra)
  local o = {}
  for k, v in pairs(extra or {}) do o[k] = v end
  for k, v in pairs(opts) do o[k] = v end -- the command line goes before the file
  local ok, r = pcall(loss.check, x, o)
  if not ok then return r end
  reports[#reports + 1] = { loss = r.loss, properties = r.properties }
end
if not file then
  local e = check(what)
  if e then return nil, e end
  return reports
end
local e
if type(what) == "table" then
  for k in pairs(what) do
    if k ~= "loss" and k ~= 1 and k ~= "name" and k ~= "detached" then
      return nil, "the table it returns has " .. tostring(k) .. ", want only loss, name and detached"
    end
  end
  local fn = what.loss or what[1]
  if type(fn) ~= "function" then return nil, "the table it returns has no function in loss" end
  e = check(fn, { name = what.name or file, detached = what.detached })
elseif type(what) == "function" then
  e = check(what, { name = file })
elseif what ~= nil then
  return nil, "it returns a " .. type(what) .. ", want a function(data, logprobs)"
end
for _, row in ipairs(loss.list()) do
  if not e and row.kind == "registered" then e = check(row.name) end
end
if e then return nil, e end
return reports`

// run checks the loss of that name, or those of a file.
func (c *lossCheck) run(what string) (reports []*loss.Report, err error) {
	a := c.app
	var name, source, dir, file string
	switch isFile := what == "-" || strings.HasSuffix(what, ".lua") || strings.ContainsAny(what, `/\`); {
	case isFile:
		if name, source, dir, err = a.readScript(what); err != nil {
			return nil, err
		}
		file = name
	default:
		if err := known(what); err != nil {
			return nil, err
		}
	}
	svc, err := c.flags.open(a)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, svc.Close()) }()
	rt, err := runtime.New(a.host(c.flags, svc, dir, []string{what}))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rt.Close()) }()
	opts := map[string]any{"seed": 1 + c.flags.seed}
	if c.detached != nil {
		opts["detached"] = *c.detached
	}
	if len(c.options) > 0 {
		opts["options"] = c.options
	}
	args := []any{what, opts}
	if file != "" {
		chunk, err := runtime.Compile(name, source)
		if err != nil {
			return nil, err
		}
		out, err := rt.Run(a.ctx, chunk)
		if err != nil {
			return nil, err
		}
		args = []any{nil, opts, file}
		if len(out) > 0 {
			args[0] = out[0]
		}
	}
	driver, err := runtime.Compile("loss check", checkScript)
	if err != nil {
		return nil, err
	}
	out, err := rt.Run(a.ctx, driver, args...)
	if err != nil {
		return nil, err
	}
	switch failure := out[len(out)-1].(type) {
	case error:
		if file == "" {
			return nil, &usageError{"loss check: " + failure.Error(), hintOf(failure)}
		}
		return nil, failure
	case string:
		return nil, &usageError{"loss check: " + file + ": " + failure, ""}
	}
	list, _ := out[0].([]any)
	if len(list) == 0 {
		return nil, &usageError{"loss check: " + file + " has no loss", "return a function(data, logprobs), or call loss.register"}
	}
	for _, r := range list {
		reports = append(reports, reportOf(r.(map[string]any)))
	}
	return reports, nil
}

// reportOf is a report that came out of a script.
func reportOf(fields map[string]any) *loss.Report {
	text := func(from map[string]any, key string) string {
		s, _ := from[key].(string)
		return s
	}
	r := &loss.Report{Loss: text(fields, "loss")}
	for _, p := range fields["properties"].([]any) {
		p := p.(map[string]any)
		r.Properties = append(r.Properties, loss.Property{Name: text(p, "name"), Status: loss.Status(text(p, "status")), Text: text(p, "text"), Advice: text(p, "advice")})
	}
	return r
}

// known says what is wrong with the name of a loss to check.
func known(name string) error {
	if slices.Contains(checkable(), name) {
		return nil
	}
	if r, ok := loss.Find(name); ok {
		hint := "hudrl loss list shows what it is"
		if needs := loss.Needs(name); needs != "" {
			hint = "it needs " + needs + ": tensor.gradcheck checks a function of tensors"
		}
		return &usageError{fmt.Sprintf("loss check: %s is of kind %s: want a loss of tokens, pairs or answers", name, r.Kind), hint}
	}
	hint := "hudrl loss list shows them; the name of a file ends in .lua"
	if near := runtime.Nearest(name, checkable()); near != "" {
		hint = "did you mean " + near + "?"
	}
	return &usageError{fmt.Sprintf("loss check: unknown loss %q", name), hint}
}

// printReports prints reports; one that failed makes the exit code.
func (a *app) printReports(reports []*loss.Report, asJSON bool) error {
	type result struct {
		OK      bool   `json:"ok"`
		Verdict string `json:"verdict"`
		*loss.Report
	}
	var results []result
	failed := false
	style := a.style()
	for i, r := range reports {
		ok := len(r.Failed()) == 0
		failed = failed || !ok
		results = append(results, result{ok, r.Verdict(), r})
		if asJSON {
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.Stdout)
		}
		for line := range strings.SplitSeq(r.String(), "\n") {
			for mark, paint := range map[string]func(string) string{"FAIL": style.Red, "note": style.Yellow} {
				if rest, found := strings.CutPrefix(line, "  "+mark+" "); found {
					line = "  " + paint(mark) + " " + rest
				}
			}
			fmt.Fprintln(a.Stdout, line)
		}
	}
	if asJSON {
		if err := a.printJSON(results); err != nil {
			return err
		}
	}
	if failed {
		return &runtime.ExitError{Code: exitCheck}
	}
	return nil
}
