package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	rt "runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
)

// writeAnswer writes what HUD's service answers to forward for batch, with the
// 17 digits of Python or, short, those that fix a float32.
func writeAnswer(w io.Writer, datums, tokens int, short bool) error {
	r := rand.New(rand.NewPCG(1, 2))
	out, b := bufio.NewWriter(w), []byte(nil)
	lp, q, mask := make([]float32, tokens), make([]float32, tokens), make([]float32, tokens)
	out.WriteString(`{"forward_id": "f-1", "data": [`)
	for d := range datums {
		if d > 0 {
			out.WriteString(", ")
		}
		for t := range tokens {
			q[t] = -float32(r.ExpFloat64())
			lp[t], mask[t] = q[t]+float32(0.1*r.NormFloat64()), 1
		}
		fmt.Fprintf(out, `{"reward": %d.0, "traj_idx": %d, "group_idx": %d`, d%2, d, d/8)
		for _, list := range []struct {
			name   string
			values []float32
		}{{"logprobs", lp}, {"sampling_logprobs", q}, {"mask", mask}} {
			fmt.Fprintf(out, `, "%s": [`, list.name)
			for i, x := range list.values {
				if i > 0 {
					out.WriteString(", ")
				}
				switch {
				case list.name == "mask":
					b = append(b[:0], "1.0"...)
				case short:
					b = httpjson.AppendFloat32(b[:0], x)
				default:
					b = strconv.AppendFloat(b[:0], float64(x), 'g', -1, 64)
				}
				out.Write(b)
			}
			out.WriteString("]")
		}
		out.WriteString("}")
	}
	out.WriteString("]}\n")
	return out.Flush()
}

// A canned service answers forward with what open returns and everything else
// at once, without a network: what is measured is the client.
type canned struct {
	open func() (io.ReadCloser, int64)
	sent atomic.Int64 // bytes of requests
}

func (c *canned) dial(context.Context, string, string) (net.Conn, error) {
	return &call{service: c, heard: make(chan struct{})}, nil
}

// A call is one request and its answer.
type call struct {
	service *canned
	head    []byte // the request's, until it is whole
	left    int64  // bytes of the body to come, -1 when it says itself where it ends
	heard   chan struct{}
	answer  io.Reader
	body    io.Closer
}

// Write takes the request. One without a length ends with an empty chunk.
func (c *call) Write(p []byte) (int, error) {
	c.service.sent.Add(int64(len(p)))
	n := len(p)
	if c.answer == nil {
		c.head = append(c.head, p...)
		end := bytes.Index(c.head, []byte("\r\n\r\n"))
		if end < 0 {
			return n, nil
		}
		p, c.left = c.head[end+4:], -1
		if _, after, ok := bytes.Cut(c.head[:end+2], []byte("Content-Length: ")); ok {
			size, _, _ := bytes.Cut(after, []byte("\r\n"))
			c.left, _ = strconv.ParseInt(string(size), 10, 64)
		}
		if bytes.Contains(c.head[:end], []byte("/forward ")) {
			body, size := c.service.open()
			c.body = body
			c.answer = io.MultiReader(bytes.NewReader(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size)), body)
		} else {
			const answer = `{"metrics":{},"num_datums":1}`
			c.answer = bytes.NewReader(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer))
		}
	}
	whole := c.left < 0 && bytes.HasSuffix(p, []byte("0\r\n\r\n"))
	if c.left >= 0 {
		c.left -= int64(len(p))
		whole = c.left == 0
	}
	if whole {
		close(c.heard)
	}
	return n, nil
}

func (c *call) Read(p []byte) (int, error) {
	<-c.heard
	return c.answer.Read(p)
}

func (c *call) Close() error {
	if c.body != nil {
		return c.body.Close()
	}
	return nil
}

func (c *call) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "canned"} }
func (c *call) RemoteAddr() net.Addr             { return c.LocalAddr() }
func (c *call) SetDeadline(time.Time) error      { return nil }
func (c *call) SetReadDeadline(time.Time) error  { return nil }
func (c *call) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }

// client is one of a canned service with answers in memory.
func client(b *testing.B, datums, tokens int, short bool) (*hud.Remote, *canned, int64) {
	var text bytes.Buffer
	if err := writeAnswer(&text, datums, tokens, short); err != nil {
		b.Fatal(err)
	}
	c := &canned{open: func() (io.ReadCloser, int64) { return io.NopCloser(bytes.NewReader(text.Bytes())), int64(text.Len()) }}
	return c.client(b), c, int64(text.Len())
}

func (c *canned) client(b *testing.B) *hud.Remote {
	const here = "http://127.0.0.1"
	remote, err := hud.Dial(hud.Config{Settings: hud.Settings{APIURL: here, RLURL: here, GatewayURL: here}, DialContext: c.dial})
	if err != nil {
		b.Fatal(err)
	}
	return remote
}

// traces are inputs that cost nothing to write.
func traces(n int) []hud.TrainInput {
	out := make([]hud.TrainInput, n)
	for i := range out {
		out[i].TraceID = fmt.Sprintf("%032x", i)
	}
	return out
}

// both runs a benchmark for Python's digits and for float32's.
func both(b *testing.B, f func(b *testing.B, datums, tokens int, short bool)) {
	for _, short := range []bool{false, true} {
		each(b, map[bool]string{true: "short-"}[short], func(b *testing.B, datums, tokens int) { f(b, datums, tokens, short) })
	}
}

// BenchmarkDecode reads the answer of forward into the packed batch, by way of
// net/http. Peer: json.loads. Floor: the text through memory three times, from
// the connection into a buffer, read there, and 12 bytes a token written.
func BenchmarkDecode(b *testing.B) {
	both(b, func(b *testing.B, datums, tokens int, short bool) {
		remote, _, size := client(b, datums, tokens, short)
		req := &hud.ForwardRequest{Inputs: traces(datums), RewardScale: 1}
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			res, err := remote.Forward(context.Background(), "m", req)
			if err != nil || res.Data.Tokens() != datums*tokens {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEncode writes the request of backward, by way of net/http. Peer:
// tolist and json.dumps. Floor: 4 bytes a token read, 12 written.
func BenchmarkEncode(b *testing.B) {
	each(b, "", func(b *testing.B, datums, tokens int) {
		c := &canned{}
		remote := c.client(b)
		r := rand.New(rand.NewPCG(1, 2))
		req := &hud.BackwardRequest{ForwardID: "f-1"}
		for range datums {
			row := make([]float32, tokens)
			for i := range row {
				row[i] = float32(0.001 * r.NormFloat64())
			}
			req.Weights = append(req.Weights, row)
		}
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			if _, err := remote.Backward(context.Background(), "m", req); err != nil {
				b.Fatal(err)
			}
			n++
		}
		b.SetBytes(c.sent.Load() / int64(n))
	})
}

// BenchmarkCustom is forward_backward_custom from a script, with the custom
// loss that HUD documents: the answer of forward in, its gradient out. Peer:
// json, torch and json. Floor: those of the two bodies.
func BenchmarkCustom(b *testing.B) {
	both(b, func(b *testing.B, datums, tokens int, short bool) {
		remote, c, size := client(b, datums, tokens, short)
		custom(b, remote, datums)
		b.SetBytes(size)
		if c.sent.Load() == 0 {
			b.Fatal("nothing was sent")
		}
	})
}

// BenchmarkCustomMemory is the same from a file, for the memory of a process
// that runs nothing else.
func BenchmarkCustomMemory(b *testing.B) {
	b.Run("256x4096", func(b *testing.B) {
		file, err := os.Create(filepath.Join(b.TempDir(), "answer"))
		if err != nil {
			b.Fatal(err)
		}
		if err := writeAnswer(file, 256, 4096, false); err != nil {
			b.Fatal(err)
		}
		size, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			b.Fatal(err)
		}
		rt.GC() // what wrote the answer is not the client's
		c := &canned{open: func() (io.ReadCloser, int64) { return io.NopCloser(io.NewSectionReader(file, 0, size)), size }}
		custom(b, c.client(b), 256)
		if err := file.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(peakMB(b), "peak-MB")
	})
}

// custom runs the pass in a script.
func custom(b *testing.B, remote *hud.Remote, datums int) {
	host, err := runtime.New(bindings.Default(remote))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = host.Close() }()
	compile := func(src string) func() {
		c, err := runtime.Compile("bench.lua", src)
		if err != nil {
			b.Fatal(err)
		}
		return func() {
			if _, err := host.Run(context.Background(), c); err != nil {
				b.Fatal(err)
			}
		}
	}
	compile(fmt.Sprintf(`
		local hud, tensor = require "hud", require "hud.tensor"
		local trainer = hud.TrainingClient("00000000-0000-0000-0000-000000000001")
		local batch = {}
		for i = 1, %d do batch[i] = string.format("%%032x", i) end
		local function loss(data, logprobs)
			local sums, counts = {}, {}
			for _, d in ipairs(data) do
				local g = d.group_idx
				sums[g], counts[g] = (sums[g] or 0) + d.reward, (counts[g] or 0) + 1
			end
			local total, trained, masked = tensor.scalar(0), 0, 0
			for i, d in ipairs(data) do
				local advantage = d.reward - sums[d.group_idx] / counts[d.group_idx]
				local ratio = (logprobs[i] - d.sampling_logprobs):exp()
				local keep = d.mask * ratio:ge(0.8) * ratio:le(1.28)
				total = total - (ratio * keep):sum() * advantage
				trained = trained + keep:sum():item()
				masked = masked + (d.mask - keep):sum():item()
			end
			return total / math.max(trained, 1), { trained_tokens = trained, masked_tokens = masked }
		end
		function step() trainer:forward_backward_custom(batch, loss) end`, datums))()
	step := compile("step()")
	step()
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}
