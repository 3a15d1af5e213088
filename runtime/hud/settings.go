package hud

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// A Secret is a key. However it is printed, logged or marshalled, it reads
// "[secret]"; string(s) is the key.
type Secret string

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// Format prints a Secret under every verb as String does.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText is String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Settings say where HUD's services are and whose key to show them. An empty
// address is HUD's own.
type Settings struct {
	APIKey      Secret // HUD_API_KEY
	APIURL      string // HUD_API_URL: the catalog and traces; https://api.hud.ai
	RLURL       string // HUD_RL_URL: training; https://rl.hud.ai
	GatewayURL  string // HUD_GATEWAY_URL: chats, without /v1; https://inference.hud.ai
	NoTelemetry bool   // HUD_TELEMETRY_ENABLED=false: rollouts are not reported
}

// An Environment is where LoadSettings looks.
type Environment struct {
	Getenv   func(name string) (string, bool)
	ReadFile func(name string) ([]byte, error)
	Dir      string // whose .env is read; "" is the working directory
	Home     string // whose .hud/.env is read; "" is nobody's
}

func processEnvironment() Environment {
	home, _ := os.UserHomeDir() // without a home there is no file in it
	return Environment{Getenv: os.LookupEnv, ReadFile: os.ReadFile, Home: home}
}

// Files are those that LoadSettings reads. They hold keys.
func (e Environment) Files() []string {
	files := []string{filepath.Join(e.Dir, ".env")}
	if e.Home != "" {
		files = append(files, filepath.Join(e.Home, ".hud", ".env"))
	}
	return files
}

// LoadSettings reads the HUD_ variables as HUD's Python client does: from the
// process's environment, else from .env in the working directory, else from
// ~/.hud/.env; a file that cannot be read is passed over. A variable that is
// set but empty counts as set. An Environment takes the process's place.
func LoadSettings(from ...Environment) (Settings, error) {
	e := processEnvironment()
	if len(from) > 0 {
		e = from[0]
	}
	sources := []func(string) (string, bool){e.Getenv}
	for _, name := range e.Files() {
		text, err := e.ReadFile(name)
		if err != nil {
			continue
		}
		values := parseDotenv(string(text), e.Getenv)
		sources = append(sources, func(name string) (string, bool) { v, ok := values[name]; return v, ok })
	}
	get := func(name string) (string, bool) {
		for _, source := range sources {
			for _, spelt := range []string{name, strings.ToLower(name)} {
				if v, ok := source(spelt); ok {
					return v, true
				}
			}
		}
		return "", false
	}
	var s Settings
	if v, ok := get("HUD_API_KEY"); ok {
		s.APIKey = Secret(v)
	}
	for name, dst := range map[string]*string{"HUD_API_URL": &s.APIURL, "HUD_RL_URL": &s.RLURL, "HUD_GATEWAY_URL": &s.GatewayURL} {
		if v, ok := get(name); ok {
			if err := checkURL(v); err != nil {
				return Settings{}, invalid("settings", "%s: %v", name, err)
			}
			*dst = v
		}
	}
	if v, ok := get("HUD_TELEMETRY_ENABLED"); ok {
		on, known := booleans[strings.ToLower(v)]
		if !known {
			return Settings{}, invalid("settings", "HUD_TELEMETRY_ENABLED: got %q, want true or false", v)
		}
		s.NoTelemetry = !on
	}
	return s, nil
}

// booleans are pydantic's spellings.
var booleans = map[string]bool{
	"1": true, "true": true, "t": true, "yes": true, "y": true, "on": true,
	"0": false, "false": false, "f": false, "no": false, "n": false, "off": false,
}

// withDefaults fills in HUD's addresses and cuts slashes off the ends.
func (s Settings) withDefaults() Settings {
	for _, a := range []struct {
		dst    *string
		origin string
	}{{&s.APIURL, "https://api.hud.ai"}, {&s.RLURL, "https://rl.hud.ai"}, {&s.GatewayURL, "https://inference.hud.ai"}} {
		if *a.dst == "" {
			*a.dst = a.origin
		}
		*a.dst = strings.TrimRight(*a.dst, "/")
	}
	return s
}

func (s Settings) addresses() map[string]string {
	return map[string]string{"api_url": s.APIURL, "base_url": s.RLURL, "gateway_url": s.GatewayURL}
}

// checkURL says what is wrong with the address of a service. The address
// itself is shown unless it may hold a password.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("got something that is no address, want one such as https://rl.hud.ai")
	case u.User != nil:
		return errors.New("got an address with a user or a password, want one without")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("got %q, want an address such as https://rl.hud.ai", text)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("got %q, want an address without ? and #", text)
	}
	return nil
}

// HostPort is the host and port that an address of a service leads to.
func HostPort(address string) (string, error) {
	if err := checkURL(address); err != nil {
		return "", err
	}
	u, _ := url.Parse(address)
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}

// loopback reports whether an address is of this machine.
func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback() || u.Hostname() == "localhost"
}

// parseDotenv reads lines of NAME=VALUE as python-dotenv does, which HUD's
// client uses: an export before the name, quotes around the value, a comment
// after white space, and ${NAME} from the lines above and the environment.
// A line of another form is passed over.
func parseDotenv(text string, getenv func(string) (string, bool)) map[string]string {
	values := map[string]string{}
	expand := func(v string) string {
		for from := 0; ; {
			start := strings.Index(v[from:], "${")
			if start < 0 {
				return v
			}
			start += from
			end := strings.IndexByte(v[start:], '}')
			if end < 0 {
				return v
			}
			name, fallback, _ := strings.Cut(v[start+2:start+end], ":-")
			value, ok := getenv(name)
			if !ok {
				value, ok = values[name]
			}
			if !ok {
				value = fallback
			}
			v = v[:start] + value + v[start+end+1:]
			from = start + len(value)
		}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		if rest, ok := strings.CutPrefix(line, "export "); ok {
			line = strings.TrimSpace(rest)
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.Trim(strings.TrimSpace(name), "'")
		if !ok || name == "" || name[0] == '#' || strings.ContainsAny(name, " \t") {
			continue
		}
		value = strings.TrimSpace(value)
		switch quote := strings.IndexAny(value, `'"`); {
		case quote == 0:
			end := strings.IndexByte(value[1:], value[0])
			if end < 0 {
				continue
			}
			single := value[0] == '\''
			if value = value[1 : 1+end]; !single {
				value = expand(value)
			}
		default:
			for i := range value {
				if value[i] == '#' && (i == 0 || value[i-1] == ' ' || value[i-1] == '\t') {
					value = strings.TrimSpace(value[:i])
					break
				}
			}
			value = expand(value)
		}
		values[name] = value
	}
	return values
}
