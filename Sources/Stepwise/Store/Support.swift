// For all files of this module, and for the package's other targets: they need not name it.
@_exported public import StepwiseSupport
