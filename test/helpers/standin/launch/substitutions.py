class LaunchConfiguration:
    def __init__(self, variable_name) -> None:
        self.variable_name = variable_name

    def perform(self, context) -> str:
        return context.launch_configurations[self.variable_name]
