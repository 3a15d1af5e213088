package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hudrl/hudrl/runtime/hud"
)

// chatFlags are how to sample.
type chatFlags struct {
	checkpoint  string
	system      string
	temperature float64
	maxTokens   positive
	seed        uint64
}

func (a *app) chatCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "chat MODEL [PROMPT]",
		Short: "talk to what you trained",
		Long: `Sends PROMPT and prints the answer. Without PROMPT it reads one message a
line and keeps the conversation; /reset starts a new one, and the end of the
input (Ctrl-D) ends it.`,
		Example: `  hudrl chat hudrl/mini "What is 3 + 4?"
  hudrl chat mine --checkpoint step-0012 --temperature 0`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return exactArgs("MODEL", "PROMPT")(cmd, args)
			}
			return exactArgs("MODEL")(cmd, args)
		},
	}
	var f chatFlags
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.checkpoint, "checkpoint", "", "ask `CHECKPOINT` (an id or a name) instead of the head")
	flags.StringVar(&f.system, "system", "", "a system `PROMPT`")
	flags.Float64Var(&f.temperature, "temperature", 1, "sampling temperature `T`; 0 is greedy")
	flags.Var(&f.maxTokens, "max-tokens", "at most `N` tokens an answer (default: up to the model's context)")
	flags.Uint64Var(&f.seed, "seed", 0, "sample from seed `N` (default: another answer each time)")
	return a.withService(cmd, func(svc *lazyService, args []string) error {
		model, err := a.resolve(svc, args[0])
		if err != nil {
			return err
		}
		if f.checkpoint != "" {
			list, err := svc.Checkpoints(a.ctx, model.ID)
			if err != nil {
				return failed("Failed to fetch checkpoints", err)
			}
			if f.checkpoint, err = findCheckpoint(list, f.checkpoint); err != nil {
				return err
			}
		}
		c := &conversation{app: a, svc: svc, model: model, flags: f, seeded: flags.Changed("seed")}
		c.reset()
		if len(args) == 2 {
			return c.say(args[1])
		}
		return c.loop()
	})
}

// A conversation is what has been said to a model so far.
type conversation struct {
	*app
	svc      *lazyService
	model    hud.Model
	flags    chatFlags
	seeded   bool
	turn     uint64
	messages []hud.Message
}

func (c *conversation) reset() {
	c.messages = nil
	if c.flags.system != "" {
		c.messages = []hud.Message{{Role: "system", Content: c.flags.system}}
	}
}

// say sends one message and prints the answer as it comes. A failed turn
// leaves the conversation as it was.
func (c *conversation) say(text string) error {
	messages := append(c.messages[:len(c.messages):len(c.messages)], hud.Message{Role: "user", Content: text})
	req := &hud.ChatRequest{
		Model:       c.model.ModelName,
		Messages:    messages,
		MaxTokens:   int(c.flags.maxTokens),
		Temperature: &c.flags.temperature,
		Checkpoint:  c.flags.checkpoint,
	}
	if c.seeded {
		seed := c.flags.seed + c.turn
		req.Seed = &seed
	}
	var streamed strings.Builder
	req.Stream = func(delta string) {
		streamed.WriteString(delta)
		io.WriteString(c.Stdout, printable(delta))
	}
	response, err := c.svc.Chat(c.ctx, req)
	if err != nil {
		if streamed.Len() > 0 {
			fmt.Fprintln(c.Stdout)
		}
		return err
	}
	answer := response.Choices[0]
	// Whatever the stream did not show: a service may not stream at all.
	if rest, ok := strings.CutPrefix(answer.Message.Content, streamed.String()); ok {
		io.WriteString(c.Stdout, printable(rest))
	}
	fmt.Fprintln(c.Stdout)
	if answer.FinishReason == "length" {
		fmt.Fprintln(c.Stderr, "(cut short: the answer reached its length limit)")
	}
	c.messages = append(messages, answer.Message)
	c.turn++
	return nil
}

// printable keeps a model's bytes from driving the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if (r < ' ' && r != '\n' && r != '\t') || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '�'
		}
		return r
	}, s)
}

// loop reads messages until the input ends. An answer that fails is reported
// and the conversation goes on, unless the command is being cancelled.
func (c *conversation) loop() error {
	prompt := func() {
		if c.Terminal != nil {
			fmt.Fprint(c.Stderr, "> ")
		}
	}
	lines := readLines(c.ctx, c.Stdin)
	prompt()
	for {
		select {
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		case line, ok := <-lines:
			if !ok {
				if c.Terminal != nil {
					fmt.Fprintln(c.Stderr)
				}
				return nil
			}
			if line.err != nil {
				return failed("chat", line.err)
			}
			switch text := strings.TrimSpace(line.text); text {
			case "":
			case "/reset":
				c.reset()
				c.note("(a new conversation)")
			default:
				if c.Terminal != nil && command.MatchString(text) {
					c.note("no such command: " + text + " (/reset, Ctrl-D)")
					break
				}
				if err := c.say(text); err != nil {
					if c.ctx.Err() != nil || c.Terminal == nil {
						return err
					}
					c.complain(err)
				}
			}
			prompt()
		}
	}
}

// command is what looks like one: /help.
var command = regexp.MustCompile(`^/[a-z]+$`)

// note tells somebody who types something that is no answer.
func (c *conversation) note(text string) {
	if c.Terminal != nil {
		fmt.Fprintln(c.Stderr, text)
	}
}

// complain reports an error that does not end the conversation.
func (c *conversation) complain(err error) {
	fmt.Fprintf(c.Stderr, "%s\n", err)
	hint := hintOf(err)
	var service *hud.Error
	if hint == "" && errors.As(err, &service) && service.Code == hud.CodeValidation && len(c.messages) > 0 {
		hint = "/reset starts a new conversation"
	}
	if hint != "" {
		fmt.Fprintf(c.Stderr, "hint: %s\n", hint)
	}
}

type inputLine struct {
	text string
	err  error
}

// maxLine bounds one message.
const maxLine = 1 << 20

// readLines sends the lines of r until it ends or ctx does. A read that is
// under way when ctx ends cannot be called back: the goroutine ends with it,
// which at a terminal is when the program exits.
func readLines(ctx context.Context, r io.Reader) <-chan inputLine {
	out := make(chan inputLine)
	go func() {
		defer close(out)
		send := func(line inputLine) bool {
			select {
			case out <- line:
				return true
			case <-ctx.Done():
				return false
			}
		}
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, maxLine)
		for scanner.Scan() {
			if !send(inputLine{text: scanner.Text()}) {
				return
			}
		}
		if err := scanner.Err(); err != nil {
			send(inputLine{err: err})
		}
	}()
	return out
}
