import Command
import Glibc

exit(BoxCommand.run(Array(CommandLine.arguments.dropFirst())))
