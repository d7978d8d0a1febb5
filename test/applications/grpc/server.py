"""A service that speaks gRPC: with health checking, reflection, and echoes that tell who the site says is calling."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

ECHO = "lab.Echo"


def tell(_request, context):
    return json.dumps(dict(context.invocation_metadata())).encode()


def talk(requests, _context):
    for request in requests:
        yield request + b"!"


# Reflection tells of services that have a descriptor.
file = descriptor_pb2.FileDescriptorProto(name="lab.proto", package="lab", syntax="proto3")
file.service.add(name="Echo")
descriptor_pool.Default().Add(file)

server = grpc.server(ThreadPoolExecutor(8))
handlers = {"Tell": grpc.unary_unary_rpc_method_handler(tell), "Talk": grpc.stream_stream_rpc_method_handler(talk)}
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(ECHO, handlers)])
health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
reflection.enable_server_reflection([ECHO, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
server.add_insecure_port(sys.argv[1])
server.start()
server.wait_for_termination()
