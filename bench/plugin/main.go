// Command plugin measures calls of hashicorp/go-plugin, as the benchmark's other
// programs measure theirs: 64 bytes there and back, from 16 callers, over gRPC and
// over net/rpc. The plugin is this same binary. It is a module of its own for the
// sake of what it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ganger-dev/ganger/bench/load"
)

// transport is the environment variable that makes this program the plugin, and
// says how it is called.
const transport = "GANGER_BENCH_PLUGIN"

var handshake = plugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "GANGER_BENCH", MagicCookieValue: "echo"}

func main() {
	if kind := os.Getenv(transport); kind != "" {
		c := &plugin.ServeConfig{HandshakeConfig: handshake, Plugins: set(kind), Logger: silent()}
		if kind == "grpc" {
			c.GRPCServer = plugin.DefaultGRPCServer
		}
		plugin.Serve(c)
		return
	}
	n := flag.Int("n", 20000, "calls of each measurement")
	flag.Parse()
	if err := errors.Join(measure("grpc", *n), measure("netrpc", *n)); err != nil {
		fmt.Fprintln(os.Stderr, "plugin:", err)
		os.Exit(1)
	}
}

// echo is what a plugin does.
type echo interface {
	Echo(body []byte) ([]byte, error)
}

// measure prints the figures of one transport.
func measure(kind string, n int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), transport+"="+kind)
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: handshake, Cmd: cmd, Plugins: set(kind), Logger: silent(),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC, plugin.ProtocolNetRPC},
	})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		return err
	}
	dispensed, err := protocol.Dispense("echo")
	if err != nil {
		return err
	}
	e, ok := dispensed.(echo)
	if !ok {
		return fmt.Errorf("%s: dispensed %T", kind, dispensed)
	}
	body := make([]byte, load.Size)
	r, err := load.Run(16, n, func() error {
		answer, err := e.Echo(body)
		if err == nil && len(answer) != len(body) {
			err = fmt.Errorf("%s: %d bytes came back", kind, len(answer))
		}
		return err
	})
	if err != nil {
		return err
	}
	r.Print(os.Stdout, "go-plugin/"+kind)
	return nil
}

func silent() hclog.Logger { return hclog.New(&hclog.LoggerOptions{Output: io.Discard}) }

// set is the set of plugins of a transport: one.
func set(kind string) plugin.PluginSet {
	if kind == "grpc" {
		return plugin.PluginSet{"echo": overGRPC{}}
	}
	return plugin.PluginSet{"echo": overRPC{}}
}

// overGRPC is the plugin over gRPC. Its service is described by hand, because its
// message is a well-known one.
type overGRPC struct{ plugin.NetRPCUnsupportedPlugin }

func (overGRPC) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "ganger.Echo", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Echo", Handler: answer}},
	}, struct{}{})
	return nil
}

// answer is the one method of the service: it gives back what it was given.
func answer(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	body := new(wrapperspb.BytesValue)
	return body, decode(body)
}

func (overGRPC) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return grpcCaller{c}, nil
}

type grpcCaller struct{ conn *grpc.ClientConn }

func (c grpcCaller) Echo(body []byte) ([]byte, error) {
	back := new(wrapperspb.BytesValue)
	err := c.conn.Invoke(context.Background(), "/ganger.Echo/Echo", wrapperspb.Bytes(body), back)
	return back.GetValue(), err
}

// overRPC is the plugin over net/rpc.
type overRPC struct{}

func (overRPC) Server(*plugin.MuxBroker) (any, error)                  { return server{}, nil }
func (overRPC) Client(_ *plugin.MuxBroker, c *rpc.Client) (any, error) { return rpcCaller{c}, nil }

type server struct{}

// Echo gives back what it was given.
func (server) Echo(body []byte, back *[]byte) error {
	*back = body
	return nil
}

type rpcCaller struct{ client *rpc.Client }

func (c rpcCaller) Echo(body []byte) (back []byte, err error) {
	err = c.client.Call("Plugin.Echo", body, &back)
	return back, err
}
