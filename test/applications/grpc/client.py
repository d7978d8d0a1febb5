"""Calls that service. The headers to come with are on standard input, as JSON; a refusal is printed in gRPC's words."""

import json
import sys
import time
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

target, ca, command, *words = sys.argv[1:]
metadata = list(json.load(sys.stdin).items())


class WithHeaders(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamStreamClientInterceptor):
    def _call(self, continuation, details, request):
        return continuation(details._replace(metadata=metadata, timeout=120), request)

    intercept_unary_unary = intercept_unary_stream = intercept_stream_stream = _call


def said():
    """Each word at its time: a number is for how many seconds nobody says anything."""
    for word in words:
        if word.isdigit():
            time.sleep(int(word))
        else:
            yield word.encode()


credentials = grpc.ssl_channel_credentials(Path(ca).read_bytes())
channel = grpc.intercept_channel(grpc.secure_channel(target, credentials), WithHeaders())
health = health_pb2_grpc.HealthStub(channel)
try:
    if command == "check":
        print(health_pb2.HealthCheckResponse.ServingStatus.Name(health.Check(health_pb2.HealthCheckRequest()).status))
    elif command == "watch":
        print(next(iter(health.Watch(health_pb2.HealthCheckRequest()))))
    elif command == "services":
        print(*ProtoReflectionDescriptorDatabase(channel).get_services())
    elif command == "tell":
        print(channel.unary_unary("/lab.Echo/Tell")(b"").decode())
    else:
        print(*(answer.decode() for answer in channel.stream_stream("/lab.Echo/Talk")(said())))
except grpc.RpcError as error:
    sys.exit(f"{error.code().name}: {error.details()}")
