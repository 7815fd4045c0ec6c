import importlib.util


class PythonLaunchDescriptionSource:
    def __init__(self, launch_file_path) -> None:
        self.path = launch_file_path

    def load(self):
        spec = importlib.util.spec_from_file_location("included_launch", self.path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.generate_launch_description()
