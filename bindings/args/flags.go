package args

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hudrl/hudrl/runtime"
)

// A flag is one entry of hud.args' table.
type flag struct {
	name  string // as in the table: learning_rate
	value any    // float64, string or bool: the default, then what was given
	help  string
}

// shown is how the flag is typed: --learning-rate.
func (f *flag) shown() string { return "--" + strings.ReplaceAll(f.name, "_", "-") }

// set parses text by the type of the default.
func (f *flag) set(text string) error {
	switch f.value.(type) {
	case float64:
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return fmt.Errorf("args: %s: got %q, want a finite number", f.shown(), text)
		}
		f.value = v
	case bool:
		switch text {
		case "true", "yes", "on", "1":
			f.value = true
		case "false", "no", "off", "0":
			f.value = false
		default:
			return fmt.Errorf("args: %s: got %q, want true or false", f.shown(), text)
		}
	default:
		f.value = text
	}
	return nil
}

// parse reads a command line into flags and returns what is not a flag, and
// whether help was asked for. Dashes and underscores in names are the same;
// -- ends the flags.
func parse(flags []*flag, words []string) (rest []string, help bool, err error) {
	byName := map[string]*flag{}
	var known []string
	for _, f := range flags {
		byName[f.name] = f
		known = append(known, f.shown())
	}
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "--" {
			return append(rest, words[i+1:]...), false, nil
		}
		if word == "-h" {
			word = "--help"
		}
		typed, isFlag := strings.CutPrefix(word, "--")
		if !isFlag {
			if len(word) > 1 && word[0] == '-' {
				if _, err := strconv.ParseFloat(word, 64); err != nil {
					return nil, false, fmt.Errorf("args: unknown flag %s, want --NAME VALUE", word)
				}
			}
			rest = append(rest, word)
			continue
		}
		typed, text, hasText := strings.Cut(typed, "=")
		name := strings.ReplaceAll(typed, "-", "_")
		f := byName[name]
		if f == nil {
			if positive, ok := strings.CutPrefix(name, "no_"); ok && byName[positive] != nil && !hasText {
				if _, isBool := byName[positive].value.(bool); isBool {
					byName[positive].value = false
					continue
				}
			}
			if name == "help" {
				return nil, true, nil
			}
			message := "args: unknown flag --" + typed
			if near := runtime.Nearest("--"+strings.ReplaceAll(name, "_", "-"), known); near != "" {
				message += " (did you mean " + near + "?)"
			}
			return nil, false, errors.New(message)
		}
		if !hasText {
			if _, isBool := f.value.(bool); isBool {
				f.value = true
				continue
			}
			if i++; i == len(words) {
				return nil, false, fmt.Errorf("args: %s: got no value, want %s", f.shown(), f.kind())
			}
			text = words[i]
		}
		if err := f.set(text); err != nil {
			return nil, false, err
		}
	}
	return rest, false, nil
}

func (f *flag) kind() string {
	switch f.value.(type) {
	case float64:
		return "a number"
	case bool:
		return "true or false"
	}
	return "a text"
}

// usage is what --help prints.
func usage(script string, flags []*flag) string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: hudrl run %s [flags]\n\n", script)
	rows := make([][2]string, 0, len(flags)+1)
	width := 0
	for _, f := range flags {
		left := f.shown()
		var fallback string
		switch v := f.value.(type) {
		case float64:
			left += " N"
			fallback = strconv.FormatFloat(v, 'g', -1, 64)
		case string:
			left += " TEXT"
			if v != "" {
				fallback = strconv.Quote(v)
			}
		case bool:
			if v {
				left = "--[no-]" + strings.TrimPrefix(left, "--")
				fallback = "yes"
			}
		}
		right := f.help
		if fallback != "" {
			right = strings.TrimSpace(right + " (default " + fallback + ")")
		}
		rows = append(rows, [2]string{left, right})
	}
	rows = append(rows, [2]string{"--help", "this text"})
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "  %s\n", strings.TrimRight(fmt.Sprintf("%-*s  %s", width, r[0], r[1]), " "))
	}
	return b.String()
}
